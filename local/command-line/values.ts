/** Kinds of values that options take. Each parser's error completes the sentence "--option …". */
import { readFileSync } from 'node:fs';
import { RUN_NAME } from '../../src/contract.ts';
import type { Option } from './options.ts';

type Extra = { required?: boolean };

export const flag = (help: string): Option<true> => ({ value: null, help, parse: () => true });

export const text = (value: string, help: string, extra: Extra = {}): Option<string> => ({
  value,
  help,
  parse: (given) => {
    if (given === '') throw new Error('is empty');
    return given;
  },
  ...extra,
});

export const list = (value: string, help: string): Option<[string, ...string[]]> => ({
  value,
  help,
  multiple: true,
  parse: (given) => {
    const names = given.split(/[\n,]/).map((name) => name.trim());
    if (names.includes('')) throw new Error('holds an empty name');
    return names as [string, ...string[]];
  },
});

export const oneOf = <T extends string>(choices: readonly T[], help: string): Option<T> => ({
  value: choices.join('|'),
  help,
  parse: (given) => {
    const choice = choices.find((one) => one === given);
    if (choice === undefined) throw new Error(`is '${given}' and must be one of ${choices.join(', ')}`);
    return choice;
  },
});

export const integer = (help: string, { min, max }: { min: number; max: number }): Option<number> => ({
  value: 'N',
  help,
  parse: (given) => {
    const number = Number(given);
    if (!/^\d+$/.test(given) || number < min || number > max)
      throw new Error(`is '${given}' and must be a whole number from ${min} to ${max}`);
    return number;
  },
});

export const sourceUrl = (help: string, extra: Extra = {}): Option<string> => ({
  value: 'URL',
  help,
  parse: (given) => {
    const url = URL.parse(given);
    // The text itself is not repeated: it may hold a password.
    if (!url || !/^https?:$/.test(url.protocol)) throw new Error('must be an address like http://HOST:8000');
    return given;
  },
  ...extra,
});

export const targetUrl = (help: string, extra: Extra = {}): Option<string> => ({
  value: 'URL',
  help,
  parse: (given) => {
    const url = URL.parse(given);
    if (!url || !/^postgres(ql)?:$/.test(url.protocol))
      throw new Error('must be an address like postgres://USER:PASSWORD@HOST:5432/DATABASE');
    if (url.pathname.length <= 1) throw new Error('names no database: append /DATABASE to the address');
    return given;
  },
  ...extra,
});

export const runName = (help: string): Option<string> => ({
  value: 'NAME',
  help,
  parse: (given) => {
    if (!RUN_NAME.test(given))
      throw new Error(
        `is '${given}' and must be 1 to 63 letters, digits, dots, dashes and underscores, first a letter or digit`,
      );
    return given;
  },
});

const UNITS: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

export const bytes = (help: string, { min, max }: { min: number; max: number }): Option<number> => ({
  value: 'SIZE',
  help,
  parse: (given) => {
    const parts = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(given);
    const size = parts
      ? Math.round(Number(parts[1]) * (UNITS[parts[2]?.toLowerCase() ?? ''] as number))
      : Number.NaN;
    if (!(size >= min && size <= max))
      throw new Error(`is '${given}' and must be a size like 64MB, from ${min} to ${max} bytes`);
    return size;
  },
});

/** `Name: value`, any number of times. */
export const headers = (help: string): Option<Record<string, string>> => ({
  value: "'NAME: VALUE'",
  help,
  multiple: true,
  parse: (given) =>
    Object.fromEntries(
      given.split('\n').map((line) => {
        const parts = /^([A-Za-z0-9-]+):\s*(.+)$/.exec(line);
        if (!parts) throw new Error("must look like 'NAME: VALUE'");
        return [(parts[1] as string).toLowerCase(), parts[2] as string];
      }),
    ),
});

/** A file that can be read; the value is its path. */
export const file = (help: string): Option<string> => ({
  value: 'FILE',
  help,
  parse: (given) => {
    try {
      readFileSync(given);
      return given;
    } catch (error) {
      throw new Error(
        `names a file that cannot be read (${(error as NodeJS.ErrnoException).code}): ${given}`,
      );
    }
  },
});
