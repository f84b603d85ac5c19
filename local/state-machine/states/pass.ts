import type { Fields } from '../fields.ts';
import { Outcome } from '../outcome.ts';
import type { Visit } from '../visit.ts';
import { listOf, readNext, State, type StateContext, type Transition } from './state.ts';

export class PassState extends State {
  readonly type = 'Pass';
  readonly #next: string | null;
  readonly #outcome: Outcome;

  constructor(name: string, fields: Fields, context: StateContext) {
    super(name);
    this.#next = readNext(fields);
    this.#outcome = new Outcome(fields, context);
  }

  successors(): string[] {
    return listOf(this.#next);
  }

  async run(visit: Visit): Promise<Transition> {
    return { ...(await this.#outcome.evaluate(visit.bindings(), visit.input)), next: this.#next };
  }
}
