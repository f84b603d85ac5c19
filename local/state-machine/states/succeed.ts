import type { Fields } from '../fields.ts';
import { Outcome } from '../outcome.ts';
import type { Visit } from '../visit.ts';
import { State, type StateContext, type Transition } from './state.ts';

export class SucceedState extends State {
  readonly type = 'Succeed';
  readonly #outcome: Outcome;

  constructor(name: string, fields: Fields, context: StateContext) {
    super(name);
    if (fields.has('Assign')) fields.refuse('Assign', 'is no field of a Succeed state');
    this.#outcome = new Outcome(fields, context);
  }

  successors(): string[] {
    return [];
  }

  async run(visit: Visit): Promise<Transition> {
    return { ...(await this.#outcome.evaluate(visit.bindings(), visit.input)), next: null };
  }
}
