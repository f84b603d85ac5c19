import { QueryEvaluationError } from '../errors.ts';
import type { Template } from '../expression.ts';
import type { Fields } from '../fields.ts';
import { LONGEST_SECONDS } from '../limits.ts';
import { NumberTemplate } from '../numbers.ts';
import { Outcome, readTemplate } from '../outcome.ts';
import type { Visit } from '../visit.ts';
import { listOf, readNext, State, type StateContext, type Transition } from './state.ts';

/** RFC 3339 as Step Functions wants it: a capital T, and Z or an offset. */
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

export class WaitState extends State {
  readonly type = 'Wait';
  readonly #next: string | null;
  readonly #outcome: Outcome;
  readonly #seconds: NumberTemplate | null;
  readonly #timestamp: Template | null;

  constructor(name: string, fields: Fields, context: StateContext) {
    super(name);
    this.#next = readNext(fields);
    this.#outcome = new Outcome(fields, context);
    this.#seconds = NumberTemplate.read(fields, 'Seconds', context, {
      min: 0,
      max: LONGEST_SECONDS,
      whole: true,
    });
    this.#timestamp = readTemplate(fields, 'Timestamp', context);
    if ((this.#seconds === null) === (this.#timestamp === null))
      fields.problems.add(fields.where, 'must have either Seconds or Timestamp');
  }

  successors(): string[] {
    return listOf(this.#next);
  }

  async run(visit: Visit): Promise<Transition> {
    const { clock } = visit.execution;
    const milliseconds = this.#seconds
      ? (await this.#seconds.evaluate(visit.bindings())) * 1000
      : (await this.#time(visit)) - clock.now();
    if (milliseconds > 0) await clock.sleep(milliseconds, visit.signal);
    return { ...(await this.#outcome.evaluate(visit.bindings(), visit.input)), next: this.#next };
  }

  async #time(visit: Visit): Promise<number> {
    const value = await this.#timestamp?.evaluate(visit.bindings());
    if (typeof value === 'string' && TIMESTAMP.test(value)) return Date.parse(value);
    throw new QueryEvaluationError(
      `Timestamp must be a time such as 2026-01-31T12:00:00Z, not ${JSON.stringify(value)}.`,
    );
  }
}
