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

  /** Runs from the first state to an end. @throws StateFailure, or the signal's reason once it is aborted */
  async run(input: Json, variables: Variables, surroundings: Surroundings): Promise<Json> {
    let name: string | null = this.#startAt;
    let value = input;
    let known = variables;
    while (name !== null) {
      surroundings.signal.throwIfAborted();
      const state = this.#states.get(name) as State;
      const transition: Transition = await visitState(state, value, known, surroundings);
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

async function visitState(
  state: State,
  input: Json,
  variables: Variables,
  surroundings: Surroundings,
): Promise<Transition> {
  const { history, emit } = surroundings.execution;
  const visit = new Visit(state.name, input, variables, surroundings);
  try {
    history.record(`${state.type}StateEntered`);
    emit({ type: 'state-entered', state: state.name, path: visit.path });
    const transition = await state.run(visit);
    history.record(`${state.type}StateExited`);
    emit({ type: 'state-exited', state: state.name, path: visit.path });
    return transition;
  } catch (error) {
    if (error instanceof StateFailure) error.state ??= state.name;
    throw error;
  }
}
