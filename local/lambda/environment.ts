import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Json } from '../state-machine/json.ts';
import type { LambdaDefinition } from './lambda-definition.ts';
import {
  exited,
  LambdaError,
  outOfMemory,
  PAYLOAD_BYTES,
  requestTooLarge,
  responseTooLarge,
  timedOut,
} from './lambda-error.ts';
import { type EmitLambdaEvent, logFields } from './lambda-events.ts';
import { watchMemory } from './memory-watch.ts';
import type { Answer } from './messages.ts';

/** Beside this file both in the sources and in the bundle. */
const PROCESS = fileURLToPath(
  new URL(`./environment-process${extname(fileURLToPath(import.meta.url))}`, import.meta.url),
);

/** Share of a function's memory that V8's old generation may take; the rest is code, stacks and buffers. */
const HEAP_SHARE = 0.9;

interface Pending {
  requestId: string;
  resolve(result: Json): void;
  reject(error: unknown): void;
}

/** One Lambda environment: a process that serves a function's invocations, one at a time. */
export class Environment {
  readonly #definition: LambdaDefinition;
  readonly #process: ChildProcess;
  readonly #emit: EmitLambdaEvent;
  readonly #closed: Promise<void>;
  #pending: Pending | null = null;
  #ready = false;
  #message: object | null = null;
  /** Why this program ended the process. */
  #ending: { reason: string; error: unknown } | null = null;
  #outOfHeap = false;

  constructor(definition: LambdaDefinition, variables: Record<string, string>, emit: EmitLambdaEvent) {
    const { codeFolder, handler, memoryMb } = definition;
    this.#definition = definition;
    this.#emit = emit;
    this.#process = fork(PROCESS, [codeFolder, handler, String(memoryMb)], {
      env: variables,
      execArgv: [`--max-old-space-size=${Math.floor(memoryMb * HEAP_SHARE)}`],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#process.on('message', (answer: Answer) => this.#receive(answer));
    // Sending to a process that has just died; its end is told by `close`.
    this.#process.on('error', () => undefined);
    this.#log(this.#process.stdout as Readable);
    this.#log(this.#process.stderr as Readable);
    const stopWatch = watchMemory(this.pid, memoryMb, () => this.#outOfMemory());
    this.#closed = new Promise((resolve) => {
      this.#process.once('close', (code: number | null, signal: string | null) => {
        stopWatch();
        this.#ended(code, signal);
        resolve();
      });
    });
    emit({ type: 'environment-started', function: definition.name, pid: this.pid });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Whether it can serve another invocation. */
  get isAlive(): boolean {
    return this.#ending === null && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /**
   * Serves an event. The time-out counts from here, the loading of the handler included.
   * @throws LambdaError, or the signal's reason once it is aborted, which ends the process
   */
  async invoke(event: Json, signal: AbortSignal): Promise<Json> {
    const { timeoutSeconds } = this.#definition;
    const requestId = randomUUID();
    const payload = JSON.stringify(event);
    const bytes = Buffer.byteLength(payload);
    if (bytes > PAYLOAD_BYTES) throw requestTooLarge(bytes);
    signal.throwIfAborted();
    const abort = () => this.#end('aborted', signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const timer = setTimeout(
      () => this.#end('timed out', timedOut(requestId, timeoutSeconds)),
      timeoutSeconds * 1000,
    );
    try {
      return await new Promise<Json>((resolve, reject) => {
        this.#pending = { requestId, resolve, reject };
        this.#message = { requestId, payload, deadline: Date.now() + timeoutSeconds * 1000 };
        this.#send();
      });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Ends the process; resolves when it is gone and its last line was read. */
  async stop(reason: string): Promise<void> {
    this.#end(reason, exited(this.#pending?.requestId ?? '', reason));
    await this.#closed;
  }

  /** Hands over the invocation that waits, once the handler is loaded. */
  #send(): void {
    if (!this.#ready || this.#message === null) return;
    const message = this.#message;
    this.#message = null;
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }

  #receive(answer: Answer): void {
    if (answer.type === 'ready') {
      this.#ready = true;
      this.#send();
      return;
    }
    if (answer.type === 'error' && answer.requestId === null) {
      this.#ending ??= { reason: answer.body.errorMessage, error: new LambdaError(answer.body) };
      return;
    }
    const pending = this.#pending;
    if (pending === null || answer.requestId !== pending.requestId) return;
    this.#pending = null;
    if (answer.type === 'error') return pending.reject(new LambdaError(answer.body));
    const bytes = Buffer.byteLength(answer.payload);
    if (bytes > PAYLOAD_BYTES) pending.reject(responseTooLarge(bytes));
    else pending.resolve(JSON.parse(answer.payload) as Json);
  }

  #outOfMemory(): void {
    this.#end('out of memory', outOfMemory(this.#pending?.requestId ?? '', this.#definition.memoryMb));
  }

  #end(reason: string, error: unknown): void {
    this.#ending ??= { reason, error };
    this.#process.kill('SIGKILL');
  }

  #ended(code: number | null, signal: string | null): void {
    const how = signal === null ? `exit status ${code}` : `signal: ${signal}`;
    const requestId = this.#pending?.requestId ?? '';
    const { memoryMb, name } = this.#definition;
    const died = () => (this.#outOfHeap ? outOfMemory(requestId, memoryMb) : exited(requestId, how));
    this.#pending?.reject(this.#ending?.error ?? died());
    this.#pending = null;
    this.#emit({
      type: 'environment-ended',
      function: name,
      pid: this.pid,
      reason: this.#ending?.reason ?? how,
    });
  }

  #log(output: Readable): void {
    createInterface({ input: output, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
      // V8 says so and aborts, before the resident memory reaches the function's limit.
      if (line.includes('JavaScript heap out of memory')) this.#outOfHeap = true;
      if (line.trim() !== '')
        this.#emit({
          type: 'log',
          function: this.#definition.name,
          pid: this.pid,
          fields: logFields(line),
        });
    });
  }
}
