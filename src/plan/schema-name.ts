import { createHash } from 'node:crypto';
import type { Space } from '../contract.ts';

/** Postgres truncates identifiers at 63 bytes; `__incoming` and `__previous` are added to a schema's name. */
const MAX_BYTES = 63 - '__incoming'.length;
const SUFFIX_LENGTH = 9;
/** Schemas that are not ours to fill, whatever a collection is called. */
const RESERVED = new Set(['public', 'information_schema', 'chroma_migration']);

/** Where the tables are that all collections of a dimension and space share (layout `shared`). */
export const sharedSchema = (dimension: number, space: Space): string => `shared_${dimension}_${space}`;
const isSharedSchema = (schema: string) => /^shared_\d+_(l2|cosine|ip)$/.test(schema);

export interface CollectionName {
  tenant: string;
  database: string;
  collection: string;
}

/**
 * One schema name for each collection: the collection's own name where that is a plain lowercase identifier,
 * else a safe form of it. Where several have one form, those that it is not the very name of get a suffix
 * from the digest of their full name, so that the answer does not depend on the order.
 *
 * @returns names in the order of the collections: at most 53 bytes of `[a-z0-9_]`, all different
 */
export function schemaNames(collections: readonly CollectionName[]): string[] {
  const forms = collections.map(({ collection }) => safeForm(collection));
  const owners = new Map<string, number>();
  const claims = new Map<string, number>();
  forms.forEach((form, index) => {
    claims.set(form, (claims.get(form) ?? 0) + 1);
    // The first database's collection of that very name keeps it.
    if (collections[index]?.collection === form && !owners.has(form)) owners.set(form, index);
  });
  const taken = new Set<string>();
  return forms.map((form, index) => {
    const free = claims.get(form) === 1 || owners.get(form) === index;
    const name = free && !taken.has(form) ? form : suffixed(form, collections[index] as CollectionName);
    taken.add(name);
    return name;
  });
}

/** A collection's name as a plain lowercase identifier of at most `bytes` bytes. */
export function safeName(collection: string, bytes: number): string {
  const form = collection.toLowerCase().replaceAll(/[^a-z0-9_]+/g, '_');
  const led = /^[a-z_]/.test(form) ? form : `c_${form}`;
  return led.length <= bytes ? led : suffixed(led, { tenant: '', database: '', collection }, bytes);
}

function safeForm(collection: string): string {
  const safe = safeName(collection, MAX_BYTES);
  // Postgres keeps every name that begins so for itself.
  const led = safe.startsWith('pg_') ? `c_${safe}` : safe;
  const reserved = led !== safe || RESERVED.has(led) || isSharedSchema(led);
  // Names that end like our own working schemas would meet them.
  const working = /__(incoming|previous)$/.test(led);
  return reserved || working ? suffixed(led, { tenant: '', database: '', collection }) : led;
}

function suffixed(form: string, name: CollectionName, bytes = MAX_BYTES): string {
  const digest = createHash('sha256').update(JSON.stringify([name.tenant, name.database, name.collection]));
  return `${form.slice(0, bytes - SUFFIX_LENGTH)}_${digest.digest('hex').slice(0, SUFFIX_LENGTH - 1)}`;
}

/** A schema that a person names. @returns what is wrong with it, or null */
export function schemaNameProblem(schema: string): string | null {
  if (Buffer.byteLength(schema) > MAX_BYTES) return `is longer than ${MAX_BYTES} bytes`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what is looked for
  if (/[\u0000]/.test(schema) || !schema.isWellFormed()) return 'holds characters that Postgres cannot hold';
  if (schema.startsWith('pg_') || schema === 'information_schema' || schema === 'chroma_migration')
    return 'is reserved';
  if (isSharedSchema(schema)) return 'is reserved';
  if (/__(incoming|previous)$/.test(schema)) return "ends like this program's working schemas";
  // The name is also a folder of the store.
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.$ -]*$/.test(schema)) return 'must be letters, digits, _ . $ - and spaces';
  return null;
}
