import { InvalidInput } from '../src/errors.ts';
import { isObject, type Json, type JsonObject } from './state-machine/json.ts';

/** What a resource is called here, by its type; any other type is a `resource`. */
const KINDS: Record<string, string> = {
  'AWS::Lambda::Function': 'function',
  'AWS::S3::Bucket': 'bucket',
  'AWS::RDS::DBInstance': 'db-instance',
  'AWS::RDS::DBParameterGroup': 'db-parameter-group',
};

const PSEUDO_PARAMETERS: Record<string, string> = {
  'AWS::Partition': 'aws',
  'AWS::Region': 'local',
  'AWS::AccountId': '000000000000',
  'AWS::URLSuffix': 'amazonaws.com',
};

/**
 * Turns a template's values into text. A resource, whether by Ref or by its Arn, becomes `<kind>:<LogicalId>`,
 * any other attribute `<kind>:<LogicalId>.<Attribute>`.
 */
export class LocalNames {
  readonly #resources: Record<string, JsonObject>;
  readonly #parameters: Record<string, JsonObject>;
  readonly #used = new Set<string>();

  constructor(template: JsonObject) {
    this.#resources = (template.Resources ?? {}) as Record<string, JsonObject>;
    this.#parameters = (template.Parameters ?? {}) as Record<string, JsonObject>;
  }

  /** Local names of that kind that were resolved, in order. */
  used(kind: string): string[] {
    return [...this.#used].filter((name) => name.startsWith(`${kind}:`));
  }

  /** @param where the property, for messages. @throws InvalidInput for what is not understood */
  resolve(value: Json | undefined, where: string): string {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return String(value);
    if (isObject(value) && Object.keys(value).length === 1) {
      if (typeof value.Ref === 'string') return this.#ref(value.Ref, where);
      const { 'Fn::Join': join, 'Fn::GetAtt': attribute, 'Fn::Sub': sub } = value;
      if (Array.isArray(join) && Array.isArray(join[1]))
        return join[1].map((part) => this.resolve(part, where)).join(String(join[0]));
      if (attribute !== undefined) return this.#attribute(attribute, where);
      if (sub !== undefined) return this.#substitute(sub, where);
    }
    throw notUnderstood(where, JSON.stringify(value));
  }

  #ref(name: string, where: string): string {
    const pseudo = PSEUDO_PARAMETERS[name];
    if (pseudo !== undefined) return pseudo;
    const standard = this.#parameters[name]?.Default;
    if (standard !== undefined) return this.resolve(standard, where);
    return this.#resource(name, where);
  }

  /** `['Id', 'Attribute']`, or `'Id.Attribute'` in YAML's way. */
  #attribute(attribute: Json, where: string): string {
    const [id, name] = typeof attribute === 'string' ? splitOnce(attribute) : (attribute as Json[]);
    if (typeof id !== 'string' || typeof name !== 'string')
      throw notUnderstood(where, JSON.stringify({ 'Fn::GetAtt': attribute }));
    const resource = this.#resource(id, where);
    return name === 'Arn' || name.endsWith('.Arn') ? resource : `${resource}.${name}`;
  }

  #substitute(sub: Json, where: string): string {
    const [text, values] = Array.isArray(sub) ? sub : [sub, {}];
    if (typeof text !== 'string' || !isObject(values))
      throw notUnderstood(where, JSON.stringify({ 'Fn::Sub': sub }));
    return text.replaceAll(/\$\{([^}]*)\}/g, (_, name: string) => {
      if (name.startsWith('!')) return `\${${name.slice(1)}}`;
      if (values[name] !== undefined) return this.resolve(values[name], where);
      return name.includes('.') ? this.#attribute(name, where) : this.#ref(name, where);
    });
  }

  #resource(id: string, where: string): string {
    const type = this.#resources[id]?.Type;
    if (typeof type !== 'string')
      throw notUnderstood(where, `a reference to '${id}', which is not in the template`);
    const name = `${KINDS[type] ?? 'resource'}:${id}`;
    this.#used.add(name);
    return name;
  }
}

const splitOnce = (text: string): [string, string | undefined] => {
  const dot = text.indexOf('.');
  return dot < 0 ? [text, undefined] : [text.slice(0, dot), text.slice(dot + 1)];
};

const notUnderstood = (where: string, what: string) =>
  new InvalidInput(`The template's ${where} has ${what}, which the local runner does not understand.`);
