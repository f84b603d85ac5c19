import { join } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import type { BackendReply, BackendRequest } from './backend.ts';

/**
 * Arguments of the server. The first are PGlite's own; it has one process and no workers. `search_path` is left at
 * Postgres' default, which PGlite narrows to `public`.
 */
const ARGUMENTS = ['--single', '-F', '-O', '-j'].concat(
  Object.entries({
    exit_on_error: 'false',
    log_checkpoints: 'false',
    max_worker_processes: '0',
    max_parallel_workers: '0',
    max_parallel_workers_per_gather: '0',
    max_parallel_maintenance_workers: '0',
    io_method: 'sync',
    // Enough for the graph of 50,000 vectors of 384 dimensions; all memory of WebAssembly is 2 GiB.
    maintenance_work_mem: '256MB',
  }).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
);

/** Postgres flushes 8 KiB at a time; a message to the other thread costs as much for 256. */
const REPLY_BYTES = 256 * 1024;

/** Serves {@link startBackend}'s requests until it is asked to close. */
export async function servePglite(port: MessagePort, { folder }: { folder?: string }): Promise<void> {
  const pglite = await PGlite.create({
    ...(folder !== undefined && { dataDir: join(folder, 'data') }),
    extensions: { vector },
    startParams: ARGUMENTS,
  });
  const reply = (answer: BackendReply) =>
    port.postMessage(answer, answer.kind === 'data' ? [answer.bytes.buffer] : []);
  const output = new Output((bytes) => reply({ kind: 'data', bytes }));

  port.on('message', async (request: BackendRequest) => {
    if (request === null) {
      await pglite.close();
      return reply({ kind: 'closed' });
    }
    await pglite.execProtocolRawStream(request, { onRawData: (bytes) => output.write(bytes) });
    output.flush();
    reply({ kind: 'done' });
  });
  reply({ kind: 'ready' });
}

/** Gathers what Postgres says, which is a view into its memory, into pieces that can be given away. */
class Output {
  readonly #send: (bytes: Uint8Array<ArrayBuffer>) => void;
  #bytes = new Uint8Array(REPLY_BYTES);
  #length = 0;

  constructor(send: (bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#send = send;
  }

  write(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length; ) {
      const part = bytes.subarray(offset, offset + REPLY_BYTES - this.#length);
      this.#bytes.set(part, this.#length);
      this.#length += part.length;
      offset += part.length;
      if (this.#length === REPLY_BYTES) this.flush();
    }
  }

  flush(): void {
    if (this.#length === 0) return;
    if (this.#length < REPLY_BYTES) this.#send(this.#bytes.slice(0, this.#length));
    else {
      this.#send(this.#bytes);
      this.#bytes = new Uint8Array(REPLY_BYTES);
    }
    this.#length = 0;
  }
}
