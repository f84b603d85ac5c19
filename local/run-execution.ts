import type { ShardStore } from '../src/store/store.ts';
import type { Assembly } from './assembly.ts';
import { readableFailure } from './lambda/lambda-error.ts';
import type { LambdaEvent } from './lambda/lambda-events.ts';
import { LambdaPool } from './lambda/lambda-pool.ts';
import { nextFunctions } from './lambda/next-functions.ts';
import { type RdsAdapter, rdsResources } from './rds-adapter.ts';
import { type Clock, systemClock } from './state-machine/clock.ts';
import type { StateFailure } from './state-machine/errors.ts';
import { ExecutionAborted } from './state-machine/errors.ts';
import type { ExecutionEvent as StateMachineEvent } from './state-machine/events.ts';
import type { Execution } from './state-machine/execution.ts';
import type { Json } from './state-machine/json.ts';
import { LAMBDA_INVOKE, LambdaInvoke } from './state-machine/lambda-invoke.ts';
import type { MapRun } from './state-machine/map-run.ts';
import type { TaskResource } from './state-machine/resource.ts';
import { type ExecutionEnd, StateMachine } from './state-machine/state-machine.ts';

export type ExecutionEvent = StateMachineEvent | LambdaEvent;

/** A failure for a person. `cause` is the message alone, without Lambda's wrapping. */
export interface ReadableError {
  error: string;
  cause: string;
}

export type ExecutionResult =
  | { status: 'SUCCEEDED'; output: Json }
  | {
      status: 'FAILED' | 'TIMED_OUT' | 'ABORTED';
      /** As DescribeExecution has them: of a Map that failed, the Map's own. */
      error: string;
      cause: string;
      /** The innermost state that failed, for one a child's ExportShard; null if it was no state that failed. */
      state: string | null;
      /** The failure behind it: of a Map's first failed child, or else the same as `error`. */
      rootError: ReadableError;
    };

export interface RunSettings {
  readonly assembly: Assembly;
  readonly input: Json;
  /** The execution's name: `$states.context.Execution.Name`. */
  readonly name: string;
  /** Variables that take precedence over those of the functions' definitions; an empty one takes one away. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the definition's bucket is here. */
  readonly store: ShardStore;
  readonly rds: RdsAdapter;
  readonly onEvent?: (event: ExecutionEvent) => void;
  /** Ends the execution and its functions. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/**
 * Runs the assembly's state machine once. Functions run as processes of their own and are gone when this
 * resolves.
 *
 * @throws UnsupportedDefinition before anything is run, if the definition holds what is not implemented
 */
export async function runExecution(settings: RunSettings): Promise<ExecutionResult> {
  return new LocalExecution(settings).start(settings.signal);
}

/** An execution on this machine that can be redriven when it has not succeeded. */
export class LocalExecution {
  readonly #settings: RunSettings;
  readonly #machine: StateMachine;
  readonly #next: ReadonlyMap<string, ReadonlySet<string>>;
  #pools: ReadonlyMap<string, LambdaPool> = new Map();
  #execution: Execution | null = null;

  /** @throws UnsupportedDefinition */
  constructor(settings: RunSettings) {
    const { assembly, store, rds } = settings;
    this.#settings = settings;
    this.#next = nextFunctions(assembly.definition);
    const lambda = new LambdaInvoke(assembly.functions.keys(), (functionName, payload, signal) =>
      (this.#pools.get(functionName) as LambdaPool).invoke(payload, signal),
    );
    this.#machine = new StateMachine(assembly.definition, {
      resources: new Map<string, TaskResource>([[LAMBDA_INVOKE, lambda], ...rdsResources(rds)]),
      buckets: new Map(assembly.buckets.map((bucket) => [bucket, store])),
    });
  }

  /** In the order in which they were started. */
  get mapRuns(): readonly MapRun[] {
    return this.#execution?.mapRuns ?? [];
  }

  start(signal?: AbortSignal): Promise<ExecutionResult> {
    const { name, input, onEvent = () => {}, clock = systemClock } = this.#settings;
    const emit = (event: ExecutionEvent) => {
      if (event.type === 'state-entered') this.#warmNext(event.state);
      onEvent(event);
    };
    return this.#run(signal, (own) => {
      const { execution, ended } = this.#machine.start({ name, input, clock, emit, signal: own });
      this.#execution = execution;
      return ended;
    });
  }

  /** Goes on from the state that did not succeed, as Step Functions' RedriveExecution does. */
  redrive(signal?: AbortSignal): Promise<ExecutionResult> {
    const execution = this.#execution;
    if (!execution) throw new Error('An execution is started before it is redriven.');
    return this.#run(signal, (own) => this.#machine.redrive(execution, own));
  }

  /**
   * While a function works, the process of the next one starts: where the work is waiting for a server, that costs
   * no time at all.
   */
  #warmNext(state: string): void {
    const functions = this.#next.get(state);
    // After the state's own function, which somebody waits for.
    if (functions)
      setImmediate(() => {
        for (const name of functions) this.#pools.get(name)?.warm();
      });
  }

  async #run(
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<ExecutionEnd>,
  ): Promise<ExecutionResult> {
    const { assembly, environment, onEvent: emit = () => {} } = this.#settings;
    this.#pools = new Map(
      [...assembly.functions].map(([functionName, definition]) => [
        functionName,
        new LambdaPool({ definition, environment, emit }),
      ]),
    );
    const controller = new AbortController();
    const abort = () => controller.abort(new ExecutionAborted());
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    try {
      return resultOf(await work(controller.signal));
    } finally {
      signal?.removeEventListener('abort', abort);
      await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
    }
  }
}

function resultOf(end: ExecutionEnd): ExecutionResult {
  if (end.status === 'SUCCEEDED') return end;
  if (end.status === 'FAILED') return failedResult(end.failure);
  const [error, cause] =
    end.status === 'TIMED_OUT'
      ? ['States.Timeout', 'The execution took longer than its TimeoutSeconds.']
      : ['ExecutionAborted', 'The execution was stopped.'];
  return { status: end.status, error, cause, state: null, rootError: { error, cause } };
}

function failedResult(failure: StateFailure): ExecutionResult {
  let root = failure;
  while (root.root) root = root.root;
  const { error, cause } = failure;
  return { status: 'FAILED', error, cause, state: root.state, rootError: readableFailure(root) };
}
