import { parseArgs } from 'node:util';
import { nearest } from './nearest.ts';

/** One option of a command. A flag without a value is `true` when given. */
export interface Option<T> {
  /** What stands for the value in the help; null for a flag. */
  value: string | null;
  help: string;
  /** Turns the text into the value. An error's message says what is wrong with it. */
  parse: (text: string) => T;
  /** Given more than once; `parse` gets the values joined by line feeds. */
  multiple?: boolean;
  /** Must be given; where names of other options stand here, it or one of them. */
  required?: boolean | readonly string[];
  /** Given without its name: what is typed between the options. */
  positional?: boolean;
}

export type Options = Record<string, Option<unknown>>;
/** What a command gets: undefined where an option was not given. */
export type Values<O extends Options> = {
  [Name in keyof O]: O[Name] extends Option<infer T> ? T | undefined : never;
};

/** Everything that is wrong with a command line, at once. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly mistakes: string[];
  constructor(mistakes: string[]) {
    super(mistakes.join('; '));
    this.mistakes = mistakes;
  }
}

export const kebab = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const flagOf = (name: string) => `--${kebab(name)}`;

/** @throws UsageError naming all mistakes */
export function parseOptions<O extends Options>(options: O, args: readonly string[]): Values<O> {
  const byFlag = new Map(Object.entries(options).map(([name, option]) => [kebab(name), { name, option }]));
  const config = Object.fromEntries(
    [...byFlag].map(([flag, { option }]) => [
      flag,
      { type: option.value === null ? ('boolean' as const) : ('string' as const), multiple: true },
    ]),
  );
  const positional = Object.entries(options).find(([, option]) => option.positional)?.[0];
  const { tokens } = parseArgs({
    args: [...args],
    options: config,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const mistakes: string[] = [];
  const given = new Map<string, string[]>();
  let unknownBefore = false;
  for (const token of tokens) {
    const afterUnknown = unknownBefore;
    unknownBefore = false;
    // What follows an unknown option is most likely its value: one mistake, not two.
    if (token.kind === 'positional' && positional !== undefined && !afterUnknown)
      given.set(positional, [...(given.get(positional) ?? []), token.value]);
    else if (token.kind === 'positional' && !afterUnknown)
      mistakes.push(`'${token.value}' is not understood here`);
    if (token.kind !== 'option') continue;
    const known = byFlag.get(token.name);
    if (!known) {
      unknownBefore = token.value === undefined;
      const meant = nearest(token.name, [...byFlag.keys()]);
      mistakes.push(
        `${token.rawName} is no option of this command${meant ? `: did you mean --${meant}?` : ''}`,
      );
    } else if (known.option.value === null) {
      if (token.value !== undefined) mistakes.push(`${token.rawName} takes no value`);
      given.set(known.name, ['true']);
    } else if (token.value === undefined || /^--./.test(token.value)) {
      mistakes.push(`${token.rawName} needs a value: ${known.option.value}`);
      given.set(known.name, given.get(known.name) ?? []);
    } else {
      given.set(known.name, [...(given.get(known.name) ?? []), token.value]);
    }
  }
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    const texts = given.get(name);
    if (!texts) {
      const { required = false } = option;
      const others = required === true || required === false ? [] : required;
      if (required && !others.some((other) => given.has(other)))
        mistakes.push(`${[name, ...others].map(flagOf).join(' or ')} is missing: ${option.help}`);
    } else if (texts.length > 1 && !option.multiple) {
      mistakes.push(`--${kebab(name)} is given ${texts.length} times`);
    } else if (texts.length > 0) {
      try {
        values[name] = option.parse(texts.join('\n'));
      } catch (error) {
        // A file names its own mistakes, with their places.
        if (error instanceof UsageError) mistakes.push(...error.mistakes);
        else mistakes.push(`--${kebab(name)} ${(error as Error).message}`);
      }
    }
  }
  if (mistakes.length > 0) throw new UsageError(mistakes);
  return values as Values<O>;
}
