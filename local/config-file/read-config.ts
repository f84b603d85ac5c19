import { existsSync, readFileSync } from 'node:fs';
import { type Document, isMap, isScalar, LineCounter, type Pair, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { nearest } from '../command-line/nearest.ts';
import { UsageError } from '../command-line/options.ts';
import { ConfigFields } from './fields.ts';

/** A configuration file as far as this program uses it. */
export interface ConfigFile {
  readonly path: string;
  readonly fields: ConfigFields;
  /** Address of the database, with the password; undefined where the file names none. */
  readonly target: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Something wrong at a place of the file. */
interface Mistake {
  offset: number;
  said: string;
}

/**
 * Reads a configuration file: YAML in which `${NAME}` stands for a variable of the environment.
 * @param sections of a file that belongs to the application, which may hold anything else beside; by default all, and
 *   nothing else
 * @throws UsageError naming all that is wrong with it, each with its line and column; no value of it is repeated
 *   that may be a secret
 */
export function readConfig(
  path: string,
  environment: Environment = process.env,
  sections?: readonly (keyof ConfigFields)[],
): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(readText(path), { lineCounter: lines, prettyErrors: false });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const fail = (mistakes: Mistake[]): never => {
    const inOrder = mistakes.sort((a, b) => a.offset - b.offset);
    throw new UsageError(inOrder.map(({ offset, said }) => `${place(offset)}: ${said}`));
  };
  // What is no YAML has no settings that could be looked at.
  if (document.errors.length > 0)
    fail(document.errors.map(({ pos, message }) => ({ offset: pos[0], said: `is no YAML: ${message}` })));
  if (sections) leaveOthers(document, sections);
  const missing = fillVariables(document, environment);
  const parsed = ConfigFields.safeParse(document.toJS() ?? {});
  const known = new Set(missing.map(({ offset }) => offset));
  const wrong = (parsed.error?.issues ?? [])
    .flatMap((issue) => mistakesOf(document, issue))
    .filter(({ offset }) => !known.has(offset));
  if (!parsed.success || missing.length > 0) fail([...missing, ...wrong]);
  const fields = parsed.data as ConfigFields;
  const authorities = fields.database?.connection.sslrootcert;
  if (authorities && !existsSync(authorities)) {
    const setting = ['database', 'connection', 'sslrootcert'];
    const said = `${setting.join('.')} names a file that is not there: ${authorities}`;
    fail([{ offset: offsetOf(document, setting, 'value'), said }]);
  }
  return { path, fields, target: targetOf(fields, environment) };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`names a file that cannot be read (${(error as NodeJS.ErrnoException).code}): ${path}`);
  }
}

/** Takes out of the document what is the application's own. */
function leaveOthers(document: Document.Parsed, sections: readonly string[]): void {
  if (!isMap(document.contents)) return;
  for (const { key } of [...document.contents.items])
    if (!sections.includes(String(isScalar(key) ? key.value : key))) document.delete(key);
  for (const issue of ConfigFields.safeParse(document.toJS()).error?.issues ?? [])
    if (issue.code === 'unrecognized_keys')
      for (const key of issue.keys) document.deleteIn([...issue.path, key]);
}

/** `${NAME}` in any text value becomes the variable's. @returns the variables that are not set */
function fillVariables(document: Document.Parsed, environment: Environment): Mistake[] {
  const missing: Mistake[] = [];
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string') return;
      node.value = node.value.replaceAll(/\$\{([^}]*)\}/g, (_, name: string) => {
        const value = environment[name];
        if (value === undefined)
          missing.push({
            offset: node.range?.[0] ?? 0,
            said: `the variable ${name} is not set: export ${name}=…`,
          });
        return value ?? '';
      });
    },
  });
  return missing;
}

/** An issue where it stands: at the value, or at what holds it where it is missing. */
function mistakesOf(document: Document.Parsed, issue: z.core.$ZodIssue): Mistake[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const allowed = keysAt(path);
    return issue.keys.map((key) => {
      const meant = nearest(key, allowed);
      const advice = meant ? `did you mean ${meant}?` : `there are ${allowed.join(', ')}`;
      const unknown = [...path, key];
      return {
        offset: offsetOf(document, unknown, 'key'),
        said: `there is no ${unknown.join('.')}: ${advice}`,
      };
    });
  }
  const name = path.join('.') || 'the file';
  const isMissing = path.length > 0 && !document.hasIn(path);
  const noSettings = issue.code === 'invalid_type' && issue.expected === 'object';
  const advice = isMissing ? 'is missing' : noSettings ? 'must hold settings' : issue.message;
  return [{ offset: offsetOf(document, path, 'value'), said: `${name} ${advice}` }];
}

/** Where a setting's key or value stands, else the nearest key above that is there. */
function offsetOf(document: Document.Parsed, path: string[], part: 'key' | 'value'): number {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    if (!isMap(parent)) continue;
    const pair = parent.items.find(
      (item: Pair) => isScalar(item.key) && String(item.key.value) === path[depth - 1],
    );
    const value = pair?.value;
    const isItself = part === 'value' && depth === path.length;
    if (isItself && isScalar(value) && value.range) return value.range[0];
    if (pair && isScalar(pair.key)) return pair.key.range?.[0] ?? 0;
  }
  return document.contents?.range?.[0] ?? 0;
}

/** Names of the settings below a path. */
function keysAt(path: readonly string[]): string[] {
  let schema: unknown = ConfigFields;
  for (const name of path) schema = shapeOf(schema)[name];
  return Object.keys(shapeOf(schema));
}

function shapeOf(schema: unknown): Record<string, unknown> {
  let inner = schema as { shape?: Record<string, unknown>; unwrap?: () => unknown };
  while (inner && !inner.shape && inner.unwrap) inner = inner.unwrap() as typeof inner;
  return inner?.shape ?? {};
}

function targetOf({ database }: ConfigFields, environment: Environment): string | undefined {
  if (!database) return undefined;
  const {
    host,
    port,
    database: name,
    user,
    password = environment.PGPASSWORD,
    sslmode,
  } = database.connection;
  const encode = encodeURIComponent;
  const url = new URL(`postgres://${host.includes(':') ? `[${host}]` : host}:${port}/${encode(name)}`);
  url.username = encode(user);
  if (password) url.password = encode(password);
  if (sslmode) url.searchParams.set('sslmode', sslmode);
  return url.href;
}
