import type { Bindings, ParseContext } from './expression.ts';
import { Template } from './expression.ts';
import type { Fields } from './fields.ts';
import { isObject, type Json } from './json.ts';
import { checkPayload } from './limits.ts';
import type { Variables } from './visit.ts';

/** Output and Assign, which both see the variables as they were before. */
export class Outcome {
  readonly #output: Template | null;
  readonly #assign: ReadonlyMap<string, Template>;

  constructor(fields: Fields, context: ParseContext) {
    this.#output = readTemplate(fields, 'Output', context);
    const assign = fields.json('Assign');
    if (assign !== undefined && !isObject(assign)) fields.refuse('Assign', 'must be an object');
    const entries = isObject(assign) ? Object.entries(assign) : [];
    this.#assign = new Map(
      entries.map(([name, value]) => {
        const where = `${fields.where}, Assign.${name}`;
        context.scope.assign(name, where);
        return [name, Template.read(value, where, context)];
      }),
    );
  }

  /** @param otherwise the output where the definition names none */
  async evaluate(bindings: Bindings, otherwise: Json): Promise<{ output: Json; assigned: Variables }> {
    const assigned: Record<string, Json> = {};
    for (const [name, template] of this.#assign) assigned[name] = await template.evaluate(bindings);
    checkPayload('What Assign stores', assigned);
    const output = this.#output ? await this.#output.evaluate(bindings) : otherwise;
    checkPayload("The state's output", output);
    return { output, assigned };
  }
}

/** The field's template; null if the field is not there. */
export function readTemplate(fields: Fields, name: string, context: ParseContext): Template | null {
  const value = fields.json(name);
  return value === undefined ? null : Template.read(value, `${fields.where}, ${name}`, context);
}
