import type { ShardStore } from '../../src/store/store.ts';
import type { Clock } from './clock.ts';
import { ExecutionAborted, ExecutionTimedOut, StateFailure } from './errors.ts';
import type { Emit } from './events.ts';
import { Execution } from './execution.ts';
import { Fields, Problems } from './fields.ts';
import type { Json } from './json.ts';
import { checkPayload, LONGEST_SECONDS } from './limits.ts';
import type { TaskResources } from './resource.ts';
import type { StateContext } from './states/state.ts';
import { withTimeLimit } from './time-limit.ts';
import { VariableScope } from './variable-scope.ts';
import { Workflow } from './workflow.ts';

/** What a definition may refer to. */
export interface StateMachineSettings {
  readonly resources: TaskResources;
  /** Stores by the name of their bucket in the definition. */
  readonly buckets: ReadonlyMap<string, ShardStore>;
}

export interface StartSettings {
  readonly name: string;
  readonly input: Json;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export type ExecutionEnd =
  | { status: 'SUCCEEDED'; output: Json }
  | { status: 'FAILED'; failure: StateFailure }
  | { status: 'TIMED_OUT' | 'ABORTED' };

/** A state machine as Step Functions would run it, JSONata and STANDARD only. */
export class StateMachine {
  readonly #workflow: Workflow;
  /** Null if it may take as long as it likes. */
  readonly #timeoutSeconds: number | null;

  /** @throws UnsupportedDefinition naming every field, resource and variable that is not implemented or wrong */
  constructor(definition: Json, { resources, buckets }: StateMachineSettings) {
    const problems = new Problems();
    const fields = new Fields(definition, 'The state machine', problems);
    const language = fields.string('QueryLanguage');
    if (language !== 'JSONata') fields.refuse('QueryLanguage', `must be JSONata, not '${language}'`);
    const version = fields.optionalString('Version') ?? '1.0';
    if (version !== '1.0') fields.refuse('Version', `must be 1.0, not '${version}'`);
    const seconds = { otherwise: Number.POSITIVE_INFINITY, min: 1, max: LONGEST_SECONDS, whole: true };
    const timeout = fields.number('TimeoutSeconds', seconds);
    this.#timeoutSeconds = Number.isFinite(timeout) ? timeout : null;
    const scope = new VariableScope();
    const context = stateContext({
      problems,
      scope,
      resources,
      buckets,
      names: new Set(),
      labels: new Set(),
    });
    this.#workflow = new Workflow(fields, context);
    fields.end();
    scope.check(problems);
    problems.throwIfAny();
  }

  /** Begins an execution; `ended` never rejects because of the definition or a task, only of a fault in here. */
  start(settings: StartSettings): { execution: Execution; ended: Promise<ExecutionEnd> } {
    const execution = new Execution(settings);
    return { execution, ended: this.#run(execution, settings.signal) };
  }

  /** Goes on with an execution that did not succeed, from the state where it stopped. */
  redrive(execution: Execution, signal: AbortSignal): Promise<ExecutionEnd> {
    execution.redrive();
    return this.#run(execution, signal);
  }

  async #run(execution: Execution, signal: AbortSignal): Promise<ExecutionEnd> {
    const expired = () => new ExecutionTimedOut();
    const { clock, input, bookmark } = execution;
    try {
      checkPayload("The execution's input", input);
      const output = await withTimeLimit(clock, this.#timeoutSeconds, signal, expired, (own) =>
        this.#workflow.run(input, {}, { execution, path: [], mapItem: null, signal: own, bookmark }),
      );
      return { status: 'SUCCEEDED', output };
    } catch (error) {
      if (error instanceof StateFailure) return { status: 'FAILED', failure: error };
      if (error instanceof ExecutionTimedOut) return { status: 'TIMED_OUT' };
      if (error instanceof ExecutionAborted || signal.aborted) return { status: 'ABORTED' };
      throw error;
    } finally {
      execution.history.recordEnd();
    }
  }
}

function stateContext(rest: Omit<StateContext, 'readWorkflow'>): StateContext {
  return {
    ...rest,
    readWorkflow: (fields, kind) =>
      new Workflow(fields, stateContext({ ...rest, scope: rest.scope.within(kind) })),
  };
}
