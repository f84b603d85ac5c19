import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ExecutionEvent, ExecutionResult } from '../../local/run-execution.ts';
import { endWithTest, killGroup } from '../fixtures/command-line.ts';
import type { FaultyRun, Told } from './runner.ts';

export type Ending =
  | { how: 'ended'; result: ExecutionResult }
  | { how: 'killed' }
  /** An exception that the runner did not expect, or a process that ended without a word. */
  | { how: 'crashed'; what: string };

const RUNNER = fileURLToPath(new URL('./runner.ts', import.meta.url));

/** One execution under way, in a process group of its own. */
export class Attempt {
  readonly settings: FaultyRun;
  readonly ended: Promise<Ending>;
  /** Processes of the functions that live, by the function's logical id, oldest first. */
  readonly functions = new Map<number, string>();
  /** How often each state was entered. */
  readonly visits = new Map<string, number>();
  /** States that were retried, and why. */
  readonly retries: { state: string; error: string; cause: string }[] = [];
  readonly #process: ChildProcess;
  readonly #listeners: ((state: string, visit: number) => void)[] = [];
  readonly #open = new Set<string>();
  #result: ExecutionResult | null = null;
  #crash: string | null = null;
  #said = '';

  constructor(settings: FaultyRun, environment: Record<string, string> = {}) {
    this.settings = settings;
    this.#process = fork(RUNNER, [JSON.stringify(settings)], {
      execArgv: ['--import', './local/sql-loader.ts'],
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, ...environment },
    });
    const release = endWithTest(this.#process);
    this.#process.stderr?.on('data', (bytes: Buffer) => {
      this.#said = (this.#said + bytes.toString()).slice(-4_000);
    });
    this.#process.on('message', (told: Told) => this.#hear(told));
    this.ended = once(this.#process, 'close').then(([, signal]) => {
      release();
      killGroup(this.#process);
      if (this.#result) return { how: 'ended', result: this.#result };
      if (signal === 'SIGKILL') return { how: 'killed' };
      return { how: 'crashed', what: this.#crash ?? `signal ${signal}: ${this.#said}` };
    });
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  /** States that are being visited now, for a sentence. */
  get whereabouts(): string {
    return [...this.#open].join(', ') || 'no state';
  }

  /** Tells of each visit of a state. */
  onVisit(listener: (state: string, visit: number) => void): void {
    this.#listeners.push(listener);
  }

  /** A signal for the runner alone, or for all its processes. */
  signal(signal: NodeJS.Signals, whom: 'runner' | 'group'): void {
    try {
      process.kill(whom === 'group' ? -this.pid : this.pid, signal);
    } catch {
      // It has ended already.
    }
  }

  #hear(told: Told): void {
    if ('result' in told) this.#result = told.result;
    else if ('crash' in told) this.#crash = told.crash;
    else this.#see(told.event);
  }

  #see(event: ExecutionEvent): void {
    if (event.type === 'environment-started') this.functions.set(event.pid, event.function);
    if (event.type === 'environment-ended') this.functions.delete(event.pid);
    if (event.type === 'retry') this.retries.push(event);
    if (event.type === 'state-exited') this.#open.delete(event.path.join('/'));
    if (event.type !== 'state-entered') return;
    this.#open.add(event.path.join('/'));
    const visit = (this.visits.get(event.state) ?? 0) + 1;
    this.visits.set(event.state, visit);
    for (const listener of this.#listeners) listener(event.state, visit);
  }
}
