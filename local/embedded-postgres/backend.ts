import { Worker } from 'node:worker_threads';

/** The one Postgres session that all connections share. */
export interface Backend {
  /**
   * Hands over whole messages of a client; there is one call at a time.
   * @param onData is given the answer piece by piece
   */
  execute(messages: Uint8Array<ArrayBuffer>, onData: (bytes: Buffer) => void): Promise<void>;
  close(): Promise<void>;
  /** Fulfilled when Postgres has ended by itself. */
  readonly broken: Promise<BackendLost>;
}

/** Postgres itself has failed, and with it all connections. */
export class BackendLost extends Error {}

/** To the thread: messages to execute, or null to close. */
export type BackendRequest = Uint8Array<ArrayBuffer> | null;
export type BackendReply =
  | { kind: 'ready' }
  | { kind: 'data'; bytes: Uint8Array<ArrayBuffer> }
  | { kind: 'done' }
  | { kind: 'closed' };

/**
 * Runs PGlite in a thread of its own. WebAssembly keeps its thread busy for as long as a statement takes, and
 * the wire server has to welcome further clients meanwhile.
 *
 * @param script which calls `servePglite` when it is not the main thread
 * @throws what kept PGlite from starting
 */
export async function startBackend(script: URL, settings: { folder?: string }): Promise<Backend> {
  const worker = new Worker(script, { workerData: settings });
  let receive: (reply: BackendReply) => void = () => undefined;
  let fail: (reason: Error) => void = () => undefined;
  let failure: BackendLost | null = null;
  const broken = Promise.withResolvers<BackendLost>();
  const end = (reason: Error) => {
    failure ??= new BackendLost(reason.message, { cause: reason });
    fail(failure);
    broken.resolve(failure);
  };
  worker.on('message', (reply: BackendReply) => receive(reply));
  worker.on('error', end);
  worker.on('exit', () => end(new Error('Postgres has ended')));

  const until = (kind: BackendReply['kind'], onData?: (bytes: Buffer) => void) =>
    new Promise<void>((resolve, reject) => {
      if (failure) return reject(failure);
      fail = reject;
      receive = (reply) => {
        if (reply.kind === 'data') onData?.(Buffer.from(reply.bytes.buffer, 0, reply.bytes.length));
        else if (reply.kind === kind) resolve();
      };
    });
  const post = (request: BackendRequest) => worker.postMessage(request, request ? [request.buffer] : []);

  await until('ready');
  return {
    broken: broken.promise,
    execute(messages, onData) {
      const done = until('done', onData);
      post(messages);
      return done;
    },
    async close() {
      const closed = until('closed');
      post(null);
      await closed;
      await worker.terminate();
    },
  };
}
