/** The embedded Postgres, as a process of its own: see `start.ts`. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { startBackend } from './backend.ts';
import { lockFolder } from './folder-lock.ts';
import { servePglite } from './pglite-thread.ts';
import { WireServer } from './wire-server.ts';

/** From the parent. The password travels here, as other users can read a process' arguments. */
export type ServerRequest = { kind: 'start'; folder: string | null; password: string } | { kind: 'stop' };
export type ServerReply = { kind: 'ready'; port: number } | { kind: 'failed'; name: string; message: string };

if (isMainThread) process.once('message', (request: ServerRequest) => void run(request));
else if (parentPort) await servePglite(parentPort, workerData);

async function run(request: ServerRequest): Promise<void> {
  if (request.kind !== 'start') return;
  const { folder, password } = request;
  try {
    const unlock = folder === null ? null : await lockFolder(folder);
    const backend = await startBackend(new URL(import.meta.url), folder === null ? {} : { folder });
    let isStopping = false;
    const server = await WireServer.start(backend, password, (error) => {
      if (isStopping) return;
      console.error(`The embedded Postgres has failed: ${error.message}`);
      process.exit(1);
    });
    const stop = async () => {
      if (isStopping) return;
      isStopping = true;
      await server.close();
      await unlock?.();
      process.exit(0);
    };
    // Without its parent it has nobody to serve. Ctrl-C is the parent's to answer, which may need its database still.
    process.on('message', (next: ServerRequest) => next.kind === 'stop' && void stop());
    process.on('disconnect', () => void stop());
    process.on('SIGINT', () => undefined).on('SIGTERM', () => void stop());
    reply({ kind: 'ready', port: server.port });
  } catch (error) {
    const { name, message } = error as Error;
    reply({ kind: 'failed', name, message });
    process.disconnect();
    process.exitCode = 1;
  }
}

const reply = (answer: ServerReply) => process.send?.(answer);
