import { createHash } from 'node:crypto';
import { StoreRefused } from '../errors.ts';
import type { ShardStore } from './store.ts';

/**
 * JSON of the store. null if there is none.
 * @param remedy what puts it right @throws StoreRefused if it is no JSON any more
 */
export async function readJson<T>(
  store: ShardStore,
  key: string,
  remedy = 'go on with the same --run, which writes it anew',
): Promise<T | null> {
  const text = await store.readText(key);
  if (text === null) return null;
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new StoreRefused(`The store's ${store.urlOf(key)} is not what was written: ${remedy}.`, { cause });
  }
}

/** SHA-256 in hex. */
export const textHash = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');

/**
 * An object's JSON with a hash of itself, `seal`, by which {@link unsealed} knows it: a bit that falls over in a number
 * leaves it JSON.
 */
export const sealed = (value: object): string =>
  `${JSON.stringify({ ...value, seal: textHash(JSON.stringify(value)) }, null, 2)}\n`;

/** @throws SyntaxError if it is not what was sealed. What has no seal is from before there were any. */
export function unsealed<T extends object>(text: string): T {
  const { seal, ...value } = JSON.parse(text) as T & { seal?: string };
  if (seal !== undefined && seal !== textHash(JSON.stringify(value)))
    throw new SyntaxError('the seal is broken');
  return value as unknown as T;
}

/** Bytes that are written at a time; one more member or element may go beyond. */
const PIECE_CHARACTERS = 256 * 1024;

/**
 * Writes an object as JSON for people too: what `JSON.stringify(value, null, 2)` makes, and a line's end. It is never whole
 * in memory, where that of ten thousand collections would stand three times, as text, as bytes and while it grows: at a
 * time it is a member, or an element of a member that is an array.
 */
export async function writeJson(store: ShardStore, key: string, value: object): Promise<void> {
  await store.write(key, jsonBytes(value), 'application/json');
}

async function* jsonBytes(value: object): AsyncGenerator<Buffer> {
  let piece = '';
  for (const part of jsonParts(value)) {
    piece += part;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  yield Buffer.from(piece);
}

function* jsonParts(value: object): Generator<string> {
  let before = '{';
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    yield `${before}\n  ${JSON.stringify(key)}: `;
    before = ',';
    if (Array.isArray(member)) yield* elements(member);
    else yield indented(member, 2);
  }
  yield before === '{' ? '{}\n' : '\n}\n';
}

function* elements(members: unknown[]): Generator<string> {
  let before = '[';
  for (const one of members) {
    yield `${before}\n    ${indented(one, 4)}`;
    before = ',';
  }
  yield before === '[' ? '[]' : '\n  ]';
}

/** A line's end within a text is written \n, so that each of those here ends a line of the JSON. */
const indented = (value: unknown, spaces: number): string =>
  (JSON.stringify(value, null, 2) ?? 'null').replaceAll('\n', `\n${' '.repeat(spaces)}`);
