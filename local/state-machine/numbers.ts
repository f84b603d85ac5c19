import { QueryEvaluationError } from './errors.ts';
import type { Bindings, ParseContext, Template } from './expression.ts';
import type { Fields } from './fields.ts';
import { readTemplate } from './outcome.ts';

interface Range {
  min: number;
  max: number;
  whole: boolean;
}

/** A field that is a number or an expression that gives one: a constant is checked when the definition is read. */
export class NumberTemplate {
  readonly #template: Template;
  readonly #where: string;
  readonly #range: Range;

  private constructor(template: Template, where: string, range: Range) {
    this.#template = template;
    this.#where = where;
    this.#range = range;
  }

  static read(fields: Fields, name: string, context: ParseContext, range: Range): NumberTemplate | null {
    const template = readTemplate(fields, name, context);
    if (!template) return null;
    const { constant } = template;
    if (constant !== undefined && !isIn(range, constant)) fields.refuse(name, mustBe(range, constant));
    return new NumberTemplate(template, `${fields.where}, ${name}`, range);
  }

  /** @throws QueryEvaluationError */
  async evaluate(bindings: Bindings): Promise<number> {
    const value = await this.#template.evaluate(bindings);
    if (!isIn(this.#range, value))
      throw new QueryEvaluationError(`${this.#where} ${mustBe(this.#range, value)}.`);
    return value;
  }
}

const isIn = ({ min, max, whole }: Range, value: unknown): value is number =>
  typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value));

const mustBe = ({ min, max, whole }: Range, value: unknown) =>
  `must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}, not ${JSON.stringify(value)}`;
