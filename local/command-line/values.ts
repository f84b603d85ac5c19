/** Kinds of values that options take. Each parser's error completes the sentence "--option …". */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RUN_NAME } from '../../src/contract.ts';
import { SparseColumnRequest } from '../../src/migration-input.ts';
import { schemaNameProblem } from '../../src/plan/schema-name.ts';
import { S3_PLACE } from '../../src/store/open-store.ts';
import { SSL_MODES } from '../config-file/fields.ts';
import { type ConfigFile, readConfig } from '../config-file/read-config.ts';
import type { Option } from './options.ts';

type Extra = { required?: boolean | readonly string[] };

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

export const oneOf = <T extends string>(
  choices: readonly T[],
  help: string,
  extra: Extra = {},
): Option<T> => ({
  value: choices.join('|'),
  help,
  parse: (given) => {
    const choice = choices.find((one) => one === given);
    if (choice === undefined) throw new Error(`is '${given}' and must be one of ${choices.join(', ')}`);
    return choice;
  },
  ...extra,
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

/** The guide's words for "the one that the configuration names". */
export const SOURCE_OF_CONFIG = 'chromadb';
export const TARGET_OF_CONFIG = 'postgresql';

export const sourceUrl = (help: string, extra: Extra = {}): Option<string> => ({
  value: 'URL',
  help,
  parse: (given) => {
    if (given === SOURCE_OF_CONFIG) return given;
    const url = URL.parse(given);
    // The text itself is not repeated: it may hold a password.
    if (!url || !/^https?:$/.test(url.protocol)) throw new Error('must be an address like http://HOST:8000');
    checkEscapes(url);
    return given;
  },
  ...extra,
});

/** A server's address, or the folder of a PersistentClient. */
export const sourceUrlOrFolder = (help: string, extra: Extra = {}): Option<string> => ({
  value: 'URL|FOLDER',
  help,
  parse: (given) => {
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(given)) return sourceUrl(help).parse(given);
    if (given === SOURCE_OF_CONFIG && !existsSync(join(given, CHROMA_FILE))) return given;
    if (!existsSync(join(given, CHROMA_FILE)))
      throw new Error(`must be an address like http://HOST:8000, or a folder that holds ${CHROMA_FILE}`);
    return given;
  },
  ...extra,
});

/** The same, or files that hold exported records. */
export const sourceUrlOrFiles = (help: string, extra: Extra = {}): Option<string> => ({
  value: 'URL|FOLDER|FILE.jsonl',
  help,
  parse: (given) => {
    if (/^s3:/i.test(given)) return place(help).parse(given);
    if (isFiles(given)) return given;
    try {
      return sourceUrlOrFolder(help).parse(given);
    } catch (error) {
      const { message } = error as Error;
      throw /holds chroma/.test(message) ? new Error(`${message}, or exported files that are there`) : error;
    }
  },
  ...extra,
});

/** Whether a source is exported files and not what a Chroma server can read. */
export const isFiles = (source: string): boolean =>
  /^s3:/i.test(source) ||
  (!/^https?:/i.test(source) && JSON_LINES.test(source)) ||
  (existsSync(source) && !existsSync(join(source, CHROMA_FILE)));

/** Names of files of JSON lines, compressed or not. */
export const JSON_LINES = /\.(jsonl|ndjson|json)(\.(gz|zst|zstd))?$/i;

/** What a folder of Chroma's own holds. */
const CHROMA_FILE = 'chroma.sqlite3';

/**
 * A database's address. Where it has no password, PGPASSWORD's is filled in, as psql does: unlike an argument, a
 * variable of the environment is not shown to everybody on the machine.
 */
export const targetUrl = (help: string, extra: Extra = {}): Option<string> => ({
  value: 'URL',
  help,
  parse: (given) => {
    if (given === TARGET_OF_CONFIG) return given;
    const url = URL.parse(given);
    if (!url || !/^postgres(ql)?:$/.test(url.protocol) || url.hostname === '')
      throw new Error(
        'must be an address like postgres://USER:PASSWORD@HOST:5432/DATABASE, with # / ? @ of a password written as %23 %2F %3F %40',
      );
    checkEscapes(url);
    if (url.pathname.length <= 1) throw new Error('names no database: append /DATABASE to the address');
    const mode = url.searchParams.get('sslmode') ?? '';
    if (!['', ...SSL_MODES].some((one) => one === mode))
      throw new Error(`has sslmode=${mode}, which is not supported: use ${SSL_MODES.join(', ')}`);
    const others = [...url.searchParams.keys()].filter((name) => name !== 'sslmode');
    if (others.length > 0)
      throw new Error(`has parameters that are not supported (${others.join(', ')}): only sslmode is`);
    const password = process.env.PGPASSWORD;
    if (url.password === '' && password) url.password = encodeURIComponent(password);
    return url.href;
  },
  ...extra,
});

/** @throws Error if user, password or database hold a percent sign that begins no escape */
function checkEscapes({ username, password, pathname }: URL): void {
  try {
    for (const part of [username, password, pathname]) decodeURIComponent(part);
  } catch {
    throw new Error('holds a % that is followed by no two hexadecimal digits: write it as %25');
  }
}

/** The application's configuration. */
export const config = (help: string): Option<ConfigFile> => ({
  value: 'FILE',
  help,
  parse: (given) => readConfig(given),
});

/** A folder, or a place in a bucket. */
export const place = (help: string, extra: Extra = {}): Option<string> => ({
  value: 'PLACE',
  help,
  parse: (given) => {
    if (given === '') throw new Error('is empty');
    // A folder may have a colon, but this is a bucket's address gone wrong.
    if (/^[a-z0-9]+:\/{0,2}/i.test(given) && !S3_PLACE.test(given))
      throw new Error(`is '${given}' and must be a folder or s3://BUCKET/PREFIX`);
    return given;
  },
  ...extra,
});

/** A condition in JSON. */
export const condition = (help: string): Option<Record<string, unknown>> => ({
  value: 'JSON',
  help,
  parse: (given) => {
    const example = `must be a JSON object like '{"language": "python"}'`;
    try {
      const parsed: unknown = JSON.parse(given);
      if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
        return parsed as Record<string, unknown>;
    } catch (error) {
      throw new Error(`is no JSON (${(error as Error).message}) and ${example}`);
    }
    throw new Error(example);
  },
});

/** A schema that a person names. */
export const schemaName = (help: string): Option<string> => ({
  value: 'NAME',
  help,
  parse: (given) => {
    const problem = given === '' ? 'is empty' : schemaNameProblem(given);
    if (problem) throw new Error(`is '${given}', which ${problem}`);
    return given;
  },
});

/** `KEY`, `KEY=NAME`, either with `/DIMENSION` behind it, any number of times. */
export const sparseColumns = (help: string): Option<[SparseColumnRequest, ...SparseColumnRequest[]]> => ({
  value: 'KEY[=NAME][/DIMENSION]',
  help,
  multiple: true,
  parse: (given) =>
    given.split('\n').map((one) => {
      const [, key = '', column, dimension] = /^(.+?)(?:=([^=/]*))?(?:\/(\d+))?$/s.exec(one) ?? [];
      const request = SparseColumnRequest.safeParse({
        ...{ key, column },
        ...(dimension !== undefined && { dimension: Number(dimension) }),
      });
      const [wrong] = request.error?.issues ?? [];
      if (key === '' || wrong)
        throw new Error(
          `is '${one}' and must look like KEY, KEY=NAME or KEY=NAME/30522, with a name of at most 63 bytes and a dimension from 1 to 1000000000`,
        );
      return request.data as SparseColumnRequest;
    }) as [SparseColumnRequest, ...SparseColumnRequest[]],
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

/** `Name: value`, any number of times. `@FILE` stands for the lines of a file, which `ps` does not show. */
export const headers = (help: string): Option<Record<string, string>> => ({
  value: "'NAME: VALUE'|@FILE",
  help,
  multiple: true,
  parse: (given) =>
    Object.fromEntries(
      given
        .split('\n')
        .flatMap((one) => (one.startsWith('@') ? linesOf(one.slice(1)) : [one]))
        .map((line) => {
          const parts = /^([A-Za-z0-9_-]+):\s*([\x20-\x7e\x80-\xff]+)$/.exec(line);
          // The text itself is not repeated: it may hold a token.
          if (!parts) throw new Error("must look like 'NAME: VALUE', or @FILE for a file of such lines");
          return [(parts[1] as string).toLowerCase(), parts[2] as string];
        }),
    ),
});

const linesOf = (path: string): string[] =>
  readable(path)
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '');

/** A file that can be read; the value is its path. */
export const file = (help: string): Option<string> => ({
  value: 'FILE',
  help,
  parse: (given) => {
    readable(given);
    return given;
  },
});

function readable(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`names a file that cannot be read (${(error as NodeJS.ErrnoException).code}): ${path}`);
  }
}
