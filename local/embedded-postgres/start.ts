import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { TargetRefused, TargetUnavailable } from '../../src/errors.ts';
import { DATABASE, USER } from './greeting.ts';
import type { ServerReply, ServerRequest } from './server-process.ts';

/** Time for the running statement and the database to end. */
const STOP_MILLISECONDS = 30_000;

export interface EmbeddedPostgres {
  /** With the password, which nobody else knows. */
  url: string;
  pid: number;
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL with pgvector, in WebAssembly, in a process of its own that ends with this one. It serves any
 * number of connections on 127.0.0.1, but has one session only: they take turns by transaction.
 *
 * @param settings.folder where the data are kept; in memory without it
 * @throws TargetRefused if the folder cannot be used, TargetUnavailable if the server does not start
 */
export async function startEmbeddedPostgres({ folder }: { folder?: string }): Promise<EmbeddedPostgres> {
  const password = randomBytes(24).toString('base64url');
  // A session of its own, so that Ctrl-C on the terminal does not reach it.
  const child = fork(script(), {
    execArgv: [],
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ask = (request: ServerRequest) => child.connected && child.send(request);
  const isOver = () => child.exitCode !== null || child.signalCode !== null;

  ask({ kind: 'start', folder: folder ?? null, password });
  const answer = await Promise.race([
    once(child, 'message').then(([reply]) => reply as ServerReply),
    once(child, 'exit').then(() => null),
  ]);
  if (answer?.kind !== 'ready') throw failure(answer);
  // Whoever forgets to stop it can end nevertheless.
  child.unref();
  child.channel?.unref();

  return {
    url: `postgres://${USER}:${password}@127.0.0.1:${answer.port}/${DATABASE}`,
    pid: child.pid as number,
    async stop() {
      if (isOver()) return;
      const ended = once(child, 'exit');
      ask({ kind: 'stop' });
      const patience = setTimeout(() => child.kill('SIGKILL'), STOP_MILLISECONDS);
      await ended;
      clearTimeout(patience);
    },
  };
}

function failure(answer: ServerReply | null): Error {
  if (answer?.kind !== 'failed')
    return new TargetUnavailable(
      'The embedded Postgres has ended at its start: run again, or pass --target.',
    );
  if (answer.name === TargetRefused.errorName) return new TargetRefused(answer.message);
  return new TargetUnavailable(
    `The embedded Postgres does not start (${answer.message}): look at its folder, or pass --target.`,
  );
}

/** Bundled, the processes lie side by side; unbuilt, this one lies here. */
const script = (): string =>
  fileURLToPath(
    new URL(`./server-process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
  );
