import { QueryEvaluationError } from '../errors.ts';
import type { Template } from '../expression.ts';
import type { Fields } from '../fields.ts';
import type { Json } from '../json.ts';
import { NumberTemplate } from '../numbers.ts';
import { readTemplate } from '../outcome.ts';
import type { Visit } from '../visit.ts';
import type { StateContext } from './state.ts';

/** The fields that both kinds of Map have: what is gone over, what a child gets of it, how many at a time. */
export class MapItems {
  readonly #where: string;
  readonly #items: Template | null;
  readonly #selector: Template | null;
  readonly #maxConcurrency: NumberTemplate | null;

  constructor(fields: Fields, context: StateContext) {
    this.#where = fields.where;
    this.#items = readTemplate(fields, 'Items', context);
    this.#selector = readTemplate(fields, 'ItemSelector', context);
    const range = { min: 0, max: Number.MAX_SAFE_INTEGER, whole: true };
    this.#maxConcurrency = NumberTemplate.read(fields, 'MaxConcurrency', context, range);
  }

  /** Items, or else the state's input. @throws QueryEvaluationError if that is no list */
  async list(visit: Visit): Promise<Json[]> {
    const items = this.#items ? await this.#items.evaluate(visit.bindings()) : visit.input;
    if (Array.isArray(items)) return items;
    throw new QueryEvaluationError(`${this.#where}, Items must give a list, not ${typeof items}.`);
  }

  /** Input of the child for an item: what ItemSelector makes of it, or the item itself. */
  async childInput(visit: Visit, index: number, value: Json): Promise<Json> {
    return this.#selector ? this.#selector.evaluate(visit.bindings({}, { index, value })) : value;
  }

  /** MaxConcurrency, of which 0 or none means as many as the kind of Map allows. */
  async concurrency(visit: Visit, allowed: number): Promise<number> {
    const asked = (await this.#maxConcurrency?.evaluate(visit.bindings())) ?? 0;
    return asked === 0 ? allowed : Math.min(asked, allowed);
  }
}
