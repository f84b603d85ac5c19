import type { Problems } from './fields.ts';
import { STEP_FUNCTIONS_NAMES } from './functions.ts';

/** JSONata 2.0.6's own functions, `$eval` left out. https://docs.jsonata.org/ */
const JSONATA_FUNCTIONS =
  `abs append assert average base64decode base64encode boolean ceil clone contains count decodeUrl
   decodeUrlComponent distinct each encodeUrl encodeUrlComponent error exists filter floor formatBase
   formatInteger formatNumber fromMillis join keys length lookup lowercase map match max merge millis min not
   now number pad parseInteger power random reduce replace reverse round shuffle sift single sort split spread
   sqrt string substring substringAfter substringBefore sum toMillis trim type uppercase zip`.split(/\s+/);

const BUILT_IN: ReadonlySet<string> = new Set(['states', ...JSONATA_FUNCTIONS, ...STEP_FUNCTIONS_NAMES]);

/**
 * The variables of one workflow: of the state machine, of a branch, or of a map's child. Step Functions checks
 * them when the machine is made, and so does this: an inline child sees its surroundings' variables but may not
 * assign them; a distributed child is an execution of its own and sees none.
 * https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
 */
export class VariableScope {
  /** Null also for a distributed child, which has surroundings but does not see them. */
  readonly #outer: VariableScope | null;
  readonly #inner: VariableScope[] = [];
  readonly #assigned = new Map<string, string>();
  readonly #used: { name: string; where: string }[] = [];

  within(kind: 'inline' | 'distributed'): VariableScope {
    const inner = new VariableScope(kind === 'inline' ? this : null);
    this.#inner.push(inner);
    return inner;
  }

  constructor(outer: VariableScope | null = null) {
    this.#outer = outer;
  }

  assign(name: string, where: string): void {
    this.#assigned.set(name, where);
  }

  use(name: string, where: string): void {
    if (!BUILT_IN.has(name)) this.#used.push({ name, where });
  }

  /** Called once all states are read, since a state may use what a later one in the text assigns. */
  check(problems: Problems): void {
    for (const [name, where] of this.#assigned) {
      if (BUILT_IN.has(name)) problems.add(where, `assigns $${name}, a name that JSONata or AWS has taken`);
      if (!/^\p{ID_Start}[\p{ID_Continue}]{0,79}$/u.test(name))
        problems.add(where, `assigns '${name}', which is no name of a variable`);
      if (this.#outer?.sees(name))
        problems.add(where, `assigns $${name}, which belongs to the workflow around it`);
    }
    for (const { name, where } of this.#used)
      if (!this.sees(name)) problems.add(where, `uses $${name}, which no state that it can see assigns`);
    for (const inner of this.#inner) inner.check(problems);
  }

  sees(name: string): boolean {
    return this.#assigned.has(name) || (this.#outer?.sees(name) ?? false);
  }
}
