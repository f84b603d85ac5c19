import { QueryEvaluationError, StateFailure } from '../errors.ts';
import type { Bindings, Template } from '../expression.ts';
import type { Fields } from '../fields.ts';
import { readTemplate } from '../outcome.ts';
import type { Visit } from '../visit.ts';
import { State, type StateContext } from './state.ts';

export class FailState extends State {
  readonly type = 'Fail';
  readonly #error: Template | null;
  readonly #cause: Template | null;

  constructor(name: string, fields: Fields, context: StateContext) {
    super(name);
    this.#error = readTemplate(fields, 'Error', context);
    this.#cause = readTemplate(fields, 'Cause', context);
  }

  successors(): string[] {
    return [];
  }

  async run(visit: Visit): Promise<never> {
    const bindings = visit.bindings();
    throw new StateFailure(await text(this.#error, bindings), await text(this.#cause, bindings));
  }
}

async function text(template: Template | null, bindings: Bindings): Promise<string> {
  if (!template) return '';
  const value = await template.evaluate(bindings);
  if (typeof value !== 'string')
    throw new QueryEvaluationError(`Error and Cause must be strings, not ${JSON.stringify(value)}.`);
  return value;
}
