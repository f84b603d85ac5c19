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
