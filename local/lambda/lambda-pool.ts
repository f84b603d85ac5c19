import type { Json } from '../state-machine/json.ts';
import { Environment } from './environment.ts';
import { environmentVariables } from './environment-variables.ts';
import type { LambdaDefinition } from './lambda-definition.ts';
import type { EmitLambdaEvent } from './lambda-events.ts';

export interface LambdaPoolSettings {
  readonly definition: LambdaDefinition;
  /** Takes precedence over the definition's environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly emit: EmitLambdaEvent;
  /** How long an environment that nobody calls is kept, in milliseconds. */
  readonly idleMilliseconds?: number;
}

/** Keeps a map's children warm, and lets the memory go when the next state calls another function. */
const IDLE_MILLISECONDS = 10_000;

/**
 * The environments of one function. A call takes the one that was used last, or else starts another: there are
 * as many as there are calls at the same time, which the state machine's MaxConcurrency bounds.
 */
export class LambdaPool {
  readonly #settings: LambdaPoolSettings;
  readonly #all = new Set<Environment>();
  readonly #idle: { environment: Environment; timer: NodeJS.Timeout }[] = [];
  #closed = false;

  constructor(settings: LambdaPoolSettings) {
    this.#settings = settings;
  }

  /** @throws LambdaError, or the signal's reason once it is aborted */
  async invoke(event: Json, signal: AbortSignal): Promise<Json> {
    if (this.#closed) throw new Error(`The pool of ${this.#settings.definition.name} is closed.`);
    const environment = this.#takeIdle() ?? this.#start();
    try {
      return await environment.invoke(event, signal);
    } finally {
      this.#release(environment);
    }
  }

  /** Starts an environment if there is none, so that the first call need not wait for it. */
  warm(): void {
    if (!this.#closed && this.#all.size === 0) this.#release(this.#start());
  }

  /** Ends all environments and waits until they are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { timer } of this.#idle.splice(0)) clearTimeout(timer);
    await Promise.all([...this.#all].map((environment) => environment.stop('closed')));
    this.#all.clear();
  }

  #takeIdle(): Environment | null {
    for (let last = this.#idle.pop(); last; last = this.#idle.pop()) {
      clearTimeout(last.timer);
      if (last.environment.isAlive) return last.environment;
      this.#all.delete(last.environment);
    }
    return null;
  }

  #start(): Environment {
    const { definition, environment, emit } = this.#settings;
    const started = new Environment(definition, environmentVariables(definition, environment), emit);
    this.#all.add(started);
    return started;
  }

  #release(environment: Environment): void {
    if (!environment.isAlive) {
      // What was ended stays known until its process is gone, so that `close` waits for it too.
      void environment.stop('ended').then(() => this.#all.delete(environment));
      return;
    }
    const timer = setTimeout(() => {
      this.#idle.splice(this.#idle.indexOf(entry), 1);
      void environment.stop('idle').then(() => this.#all.delete(environment));
    }, this.#settings.idleMilliseconds ?? IDLE_MILLISECONDS);
    timer.unref();
    const entry = { environment, timer };
    this.#idle.push(entry);
  }
}
