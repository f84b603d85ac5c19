import { NoChoiceMatched, QueryEvaluationError } from '../errors.ts';
import type { Template } from '../expression.ts';
import type { Fields } from '../fields.ts';
import { Outcome, readTemplate } from '../outcome.ts';
import type { Visit } from '../visit.ts';
import { listOf, State, type StateContext, type Transition } from './state.ts';

export class ChoiceState extends State {
  readonly type = 'Choice';
  readonly #rules: readonly Rule[];
  readonly #default: string | null;
  /** Taken with Default; a rule has its own. */
  readonly #outcome: Outcome;

  constructor(name: string, fields: Fields, context: StateContext) {
    super(name);
    this.#rules = fields.list('Choices').map((rule) => new Rule(rule, context));
    if (this.#rules.length === 0) fields.refuse('Choices', 'must hold a rule');
    this.#default = fields.optionalString('Default');
    this.#outcome = new Outcome(fields, context);
  }

  successors(): string[] {
    return [...this.#rules.map((rule) => rule.next), ...listOf(this.#default)];
  }

  async run(visit: Visit): Promise<Transition> {
    const bindings = visit.bindings();
    for (const rule of this.#rules)
      if (await rule.holds(visit))
        return { ...(await rule.outcome.evaluate(bindings, visit.input)), next: rule.next };
    if (this.#default === null) throw new NoChoiceMatched();
    return { ...(await this.#outcome.evaluate(bindings, visit.input)), next: this.#default };
  }
}

class Rule {
  readonly next: string;
  readonly outcome: Outcome;
  readonly #where: string;
  readonly #condition: Template | null;

  constructor(fields: Fields, context: StateContext) {
    this.#where = fields.where;
    this.next = fields.string('Next');
    this.outcome = new Outcome(fields, context);
    this.#condition = readTemplate(fields, 'Condition', context);
    if (!this.#condition) fields.refuse('Condition', 'is missing');
    const constant = this.#condition?.constant;
    if (constant !== undefined && typeof constant !== 'boolean')
      fields.refuse('Condition', 'must be a boolean or an expression');
    fields.end();
  }

  async holds(visit: Visit): Promise<boolean> {
    const value = await this.#condition?.evaluate(visit.bindings());
    if (typeof value === 'boolean') return value;
    throw new QueryEvaluationError(
      `${this.#where}, Condition must give a boolean, not ${JSON.stringify(value)}.`,
    );
  }
}
