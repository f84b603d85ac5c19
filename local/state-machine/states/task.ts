import { StateFailure, TaskTimedOut } from '../errors.ts';
import type { Template } from '../expression.ts';
import type { Fields } from '../fields.ts';
import type { Json } from '../json.ts';
import { checkPayload, LONGEST_SECONDS } from '../limits.ts';
import { NumberTemplate } from '../numbers.ts';
import { readTemplate } from '../outcome.ts';
import type { TaskResource } from '../resource.ts';
import { withTimeLimit } from '../time-limit.ts';
import type { Visit } from '../visit.ts';
import { FallibleState } from './fallible-state.ts';
import type { StateContext } from './state.ts';

export class TaskState extends FallibleState {
  readonly type = 'Task';
  readonly #resource: TaskResource | undefined;
  readonly #arguments: Template | null;
  readonly #timeout: NumberTemplate | null;

  constructor(name: string, fields: Fields, context: StateContext) {
    super(name, fields, context);
    const resource = fields.string('Resource');
    this.#resource = context.resources.get(resource);
    if (this.#resource) this.#resource.check(fields.object('Arguments'));
    else fields.refuse('Resource', `is one that is not implemented here: '${resource}'`);
    this.#arguments = readTemplate(fields, 'Arguments', context);
    const range = { min: 1, max: LONGEST_SECONDS, whole: true };
    this.#timeout = NumberTemplate.read(fields, 'TimeoutSeconds', context, range);
  }

  /** Each attempt is three events: scheduled, started, and how it ended. */
  protected async attempt(visit: Visit): Promise<Json> {
    const { clock, history } = visit.execution;
    const args = (await this.#arguments?.evaluate(visit.bindings())) ?? visit.input;
    checkPayload("The task's arguments", args);
    const seconds = (await this.#timeout?.evaluate(visit.bindings())) ?? null;
    history.record('TaskScheduled');
    history.record('TaskStarted');
    const expired = () => new TaskTimedOut(seconds ?? LONGEST_SECONDS);
    let result: Json;
    try {
      const call = (signal: AbortSignal) => (this.#resource as TaskResource).call(args, signal);
      result = await withTimeLimit(clock, seconds, visit.signal, expired, call);
      checkPayload("The task's result", result);
    } catch (error) {
      if (error instanceof StateFailure)
        history.record(error instanceof TaskTimedOut ? 'TaskTimedOut' : 'TaskFailed');
      throw error;
    }
    history.record('TaskSucceeded');
    return result;
  }
}
