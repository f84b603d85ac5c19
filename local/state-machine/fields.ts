import { UnsupportedDefinition } from './errors.ts';
import { isObject, type Json, type JsonObject } from './json.ts';

/** Everything that is wrong with a definition, gathered so that one message can name it all. */
export class Problems {
  readonly #list: string[] = [];

  add(where: string, sentence: string): void {
    this.#list.push(`${where}: ${sentence}.`);
  }

  /** @throws UnsupportedDefinition */
  throwIfAny(): void {
    if (this.#list.length > 0) throw new UnsupportedDefinition(this.#list);
  }
}

/**
 * Reads the fields of one object of a definition. Each read marks its field as known; `end` refuses the rest,
 * so a field that nobody reads can never be passed over in silence.
 */
export class Fields {
  readonly where: string;
  readonly problems: Problems;
  readonly #json: JsonObject;
  readonly #known = new Set<string>();

  constructor(json: Json | undefined, where: string, problems: Problems) {
    this.where = where;
    this.problems = problems;
    this.#json = isObject(json) ? json : {};
    if (!isObject(json)) problems.add(where, 'must be an object');
  }

  has(name: string): boolean {
    return this.#json[name] !== undefined;
  }

  /** The field as it is; undefined if it is not there. */
  json(name: string): Json | undefined {
    this.#known.add(name);
    return this.#json[name];
  }

  string(name: string): string {
    const value = this.json(name);
    if (typeof value === 'string') return value;
    this.refuse(name, value === undefined ? 'is missing' : 'must be a string');
    return '';
  }

  optionalString(name: string): string | null {
    return this.json(name) === undefined ? null : this.string(name);
  }

  strings(name: string): string[] {
    const value = this.json(name);
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
    this.refuse(name, value === undefined ? 'is missing' : 'must be a list of strings');
    return [];
  }

  number(name: string, limits: { otherwise: number; min: number; max: number; whole?: boolean }): number {
    const value = this.json(name);
    if (value === undefined) return limits.otherwise;
    const inRange = typeof value === 'number' && value >= limits.min && value <= limits.max;
    if (inRange && (!limits.whole || Number.isInteger(value))) return value;
    const kind = limits.whole ? 'a whole number' : 'a number';
    this.refuse(name, `must be ${kind} from ${limits.min} to ${limits.max}, not ${JSON.stringify(value)}`);
    return limits.otherwise;
  }

  boolean(name: string): boolean {
    const value = this.json(name);
    if (value !== undefined && typeof value !== 'boolean') this.refuse(name, 'must be true or false');
    return value === true;
  }

  /** @param where how problems in it are introduced */
  object(name: string, where = `${this.where}, ${name}`): Fields {
    return new Fields(this.json(name), where, this.problems);
  }

  list(name: string): Fields[] {
    const value = this.json(name);
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.refuse(name, 'must be a list');
      return [];
    }
    return value.map((one, index) => new Fields(one, `${this.where}, ${name}[${index}]`, this.problems));
  }

  names(): string[] {
    return Object.keys(this.#json);
  }

  refuse(name: string, sentence: string): void {
    this.problems.add(this.where, `${name} ${sentence}`);
  }

  /** Refuses every field that was not read. */
  end(): void {
    this.json('Comment');
    for (const name of Object.keys(this.#json))
      if (!this.#known.has(name)) this.refuse(name, 'is a field that is not implemented here');
  }
}
