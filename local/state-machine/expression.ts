import jsonata from 'jsonata';
import { QueryEvaluationError } from './errors.ts';
import type { Problems } from './fields.ts';
import { isObject, type Json } from './json.ts';
import type { VariableScope } from './variable-scope.ts';

/** Names without `$` that an expression may use: `states`, the variables, and the functions of Step Functions. */
export type Bindings = Record<string, unknown>;

/** Where an expression stands, and what it may see there. */
export interface ParseContext {
  readonly problems: Problems;
  readonly scope: VariableScope;
}

/** The value of a field: JSON in which strings of the form `{% … %}` are JSONata. */
export abstract class Template {
  abstract evaluate(bindings: Bindings): Promise<Json>;
  /** The value if no expression is in it; undefined otherwise. */
  abstract readonly constant: Json | undefined;

  static read(json: Json, where: string, context: ParseContext): Template {
    if (typeof json === 'string') return readString(json, where, context);
    if (Array.isArray(json))
      return new ListTemplate(json.map((one, index) => Template.read(one, `${where}[${index}]`, context)));
    if (isObject(json)) {
      const entries = Object.entries(json);
      return new ObjectTemplate(
        entries.map(([key, one]) => [key, Template.read(one, `${where}.${key}`, context)] as const),
      );
    }
    return new Constant(json);
  }
}

class Constant extends Template {
  readonly constant: Json;
  constructor(value: Json) {
    super();
    this.constant = value;
  }
  async evaluate(): Promise<Json> {
    return this.constant;
  }
}

class ListTemplate extends Template {
  readonly constant: Json | undefined;
  readonly #items: Template[];
  constructor(items: Template[]) {
    super();
    this.#items = items;
    const constants = items.map((one) => one.constant);
    this.constant = constants.every((one) => one !== undefined) ? constants : undefined;
  }
  async evaluate(bindings: Bindings): Promise<Json> {
    const values: Json[] = [];
    for (const item of this.#items) values.push(await item.evaluate(bindings));
    return values;
  }
}

class ObjectTemplate extends Template {
  readonly constant: Json | undefined;
  readonly #entries: (readonly [string, Template])[];
  constructor(entries: (readonly [string, Template])[]) {
    super();
    this.#entries = entries;
    this.constant = entries.every(([, one]) => one.constant !== undefined)
      ? Object.fromEntries(entries.map(([key, one]) => [key, one.constant as Json]))
      : undefined;
  }
  async evaluate(bindings: Bindings): Promise<Json> {
    const values: [string, Json][] = [];
    for (const [key, one] of this.#entries) values.push([key, await one.evaluate(bindings)]);
    return Object.fromEntries(values);
  }
}

class Expression extends Template {
  readonly constant = undefined;
  readonly #source: string;
  readonly #where: string;
  readonly #compiled: jsonata.Expression;

  constructor(source: string, where: string, compiled: jsonata.Expression) {
    super();
    this.#source = source;
    this.#where = where;
    this.#compiled = compiled;
  }

  async evaluate(bindings: Bindings): Promise<Json> {
    let result: unknown;
    try {
      result = await this.#compiled.evaluate(undefined, bindings);
    } catch (error) {
      throw this.#failure(`failed: ${(error as Error).message}`);
    }
    if (result === undefined) throw this.#failure('returned nothing (undefined)');
    return this.#plainJson(result);
  }

  /** JSONata's lists carry marks of their own, and a function or an infinite number is no JSON. */
  #plainJson(result: unknown): Json {
    const text = JSON.stringify(result, (_, value: unknown) => {
      if (typeof value === 'function') throw this.#failure('returned a function');
      if (typeof value === 'number' && !Number.isFinite(value))
        throw this.#failure('returned no finite number');
      return value;
    });
    return JSON.parse(text) as Json;
  }

  #failure(what: string): QueryEvaluationError {
    return new QueryEvaluationError(`The JSONata expression '${this.#source}' of ${this.#where} ${what}.`);
  }
}

function readString(text: string, where: string, context: ParseContext): Template {
  const [starts, ends] = [text.startsWith('{%'), text.endsWith('%}')];
  if (!starts && !ends) return new Constant(text);
  if (!starts || !ends) {
    context.problems.add(where, `'${text}' is neither text nor a whole {% … %}`);
    return new Constant(text);
  }
  const source = text.slice(2, -2).trim();
  try {
    const compiled = jsonata(source);
    recordVariables(compiled.ast(), where, context);
    return new Expression(source, where, compiled);
  } catch (error) {
    context.problems.add(where, `'${source}' is no JSONata: ${(error as Error).message}`);
    return new Constant(text);
  }
}

/** Tells the scope which variables the expression takes from outside. */
function recordVariables(ast: unknown, where: string, { scope, problems }: ParseContext): void {
  const used = new Set<string>();
  const own = new Set<string>();
  walk(ast, (node) => {
    if (node.type === 'variable') used.add(String(node.value));
    if (node.type === 'bind') own.add(String((node.lhs as Node).value));
    if (node.type === 'lambda') for (const one of node.arguments as Node[]) own.add(String(one.value));
    for (const bound of [node.focus, node.index]) if (typeof bound === 'string') own.add(bound);
  });
  if (used.has('eval')) problems.add(where, 'uses $eval, which Step Functions does not have');
  used.delete('eval');
  // `$` and `$$` are the value at hand, which only what is nested has; without one they give nothing.
  for (const name of used) if (name !== '' && name !== '$' && !own.has(name)) scope.use(name, where);
}

type Node = Record<string, unknown>;

function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) for (const one of value) walk(one, visit);
  else if (typeof value === 'object' && value !== null) {
    visit(value as Node);
    for (const one of Object.values(value)) walk(one, visit);
  }
}
