import { StateFailure } from './errors.ts';
import type { Fields } from './fields.ts';
import type { Json } from './json.ts';
import { checkPayload, VARIABLES_BYTES } from './limits.ts';
import { readState } from './states/read-state.ts';
import type { State, StateContext, Transition } from './states/state.ts';
import { type Surroundings, type Variables, Visit } from './visit.ts';

/** States that lead to one another: the state machine's, a branch's, or those of a map's child. */
export class Workflow {
  readonly #startAt: string;
  readonly #states: ReadonlyMap<string, State>;

  constructor(fields: Fields, context: StateContext) {
    this.#startAt = fields.string('StartAt');
    const states = fields.object('States');
    this.#states = new Map(
      states.names().flatMap((name) => {
        const state = readState(name, states.object(name, `State ${name}`), context);
        return state ? [[name, state] as const] : [];
      }),
    );
    this.#checkTransitions(fields);
  }

  /**
   * Runs from the first state to an end; if it was here before, from the state that did not succeed then.
   * @throws StateFailure, or the signal's reason once it is aborted
   */
  async run(input: Json, variables: Variables, surroundings: Surroundings): Promise<Json> {
    const { bookmark } = surroundings;
    let redriven = bookmark.stand !== null;
    const stand = bookmark.stand ?? { state: this.#startAt, input, variables };
    let name: string | null = stand.state;
    let value = stand.input;
    let known = stand.variables;
    while (name !== null) {
      surroundings.signal.throwIfAborted();
      if (!redriven) bookmark.enter({ state: name, input: value, variables: known });
      const state = this.#states.get(name) as State;
      const visit = new Visit(name, value, known, surroundings);
      const transition: Transition = await visitState(state, visit, redriven);
      redriven = false;
      if (Object.keys(transition.assigned).length > 0) {
        known = { ...known, ...transition.assigned };
        checkPayload("The execution's variables", known, VARIABLES_BYTES);
      }
      value = transition.output;
      name = transition.next;
    }
    return value;
  }

  /** AWS refuses states that nothing leads to, too. */
  #checkTransitions(fields: Fields): void {
    if (!this.#states.has(this.#startAt)) fields.refuse('StartAt', `names no state: '${this.#startAt}'`);
    const reached = new Set([this.#startAt]);
    for (const name of reached)
      for (const next of this.#states.get(name)?.successors() ?? []) {
        if (!this.#states.has(next))
          fields.problems.add(`State ${name}`, `leads to '${next}', which is not there`);
        reached.add(next);
      }
    for (const name of this.#states.keys())
      if (!reached.has(name)) fields.problems.add(`State ${name}`, 'is one that no other leads to');
  }
}

/** A redriven state has been entered before. */
async function visitState(state: State, visit: Visit, redriven: boolean): Promise<Transition> {
  const { history, emit } = visit.execution;
  const { path } = visit;
  try {
    if (!redriven) history.record(`${state.type}StateEntered`);
    emit({ type: redriven ? 'state-redriven' : 'state-entered', state: state.name, path });
    const transition = await state.run(visit);
    history.record(`${state.type}StateExited`);
    emit({ type: 'state-exited', state: state.name, path, output: transition.output });
    return transition;
  } catch (error) {
    if (error instanceof StateFailure) error.state ??= state.name;
    throw error;
  }
}
