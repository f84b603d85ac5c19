/** The tables that all collections of a dimension and space share, each with its own partition of them. */
import pg from 'pg';
import type { CollectionPlan, Space } from '../contract.ts';
import { SchemaOccupied } from '../errors.ts';
import { sharedSchema } from '../plan/schema-name.ts';
import { guide, guideTables } from './layouts/guide.ts';
import type { Layout } from './layouts/layout.ts';
import { lockLedger } from './ledger-schema.ts';
import { searchFunctions } from './search-functions.ts';

/** Says in the schema's comment whose it is. */
const COMMENT = 'tables that collections migrated from Chroma share';

/** Of a collection: which tables it shares. */
export type Sharing = Pick<CollectionPlan, 'layout' | 'dimension' | 'space'>;

/** null for a collection that shares none: it has another layout, or no dimension yet. */
export const sharedSchemaOf = ({ layout, dimension, space }: Sharing): string | null =>
  layout === 'shared' && dimension !== null ? sharedSchema(dimension, space) : null;

/** DDL of the shared tables of a collection, as they are without any. */
export function sharedTablesDdl(plan: CollectionPlan, schema: string): string {
  const quoted = pg.escapeIdentifier(schema);
  const { functions, comments } = searchFunctions(plan, quoted, guide, true);
  const parts = { collection: 'collection text not null,\n  ', partition: ' partition by list (collection)' };
  return [
    `create schema ${quoted};`,
    `comment on schema ${quoted} is ${pg.escapeLiteral(COMMENT)};`,
    guideTables({ ...plan, model: null }, quoted, parts).trim(),
    functions + comments,
  ].join('\n');
}

/**
 * Makes the shared tables that are not there yet, within the caller's transaction.
 * @throws SchemaOccupied
 */
export async function createSharedTables(
  client: pg.Client,
  collections: readonly CollectionPlan[],
): Promise<void> {
  const wanted = new Map(collections.map((collection) => [sharedSchemaOf(collection), collection]));
  wanted.delete(null);
  if (wanted.size === 0) return;
  // Two runs may want the same ones at once.
  await lockLedger(client);
  for (const [schema, collection] of wanted) {
    const { rows } = await client.query<{ comment: string | null }>(
      `select obj_description(oid, 'pg_namespace') as comment from pg_namespace where nspname = $1`,
      [schema],
    );
    if (rows[0]?.comment === COMMENT) continue;
    if (rows[0])
      throw new SchemaOccupied(
        `Schema "${schema}", where the collections of this dimension and space share tables, is not from a migration: rename it, or choose another --layout.`,
      );
    await client.query(sharedTablesDdl(collection, schema as string));
  }
}

/** DDL that makes a collection's tables partitions of the shared ones; empty for one that shares none. */
export function attachment(schema: string, sharing: { dimension: number | null; space: Space }): string {
  const parent = sharedSchemaOf({ ...sharing, layout: 'shared' });
  if (parent === null) return '';
  return guide.counted
    .map(
      (table) =>
        `alter table ${pg.escapeIdentifier(parent)}.${table} attach partition ${pg.escapeIdentifier(schema)}.${table} for values in (${pg.escapeLiteral(schema)})`,
    )
    .join(';\n');
}

/** Makes a collection's tables, wherever they are partitions, tables of their own. */
export async function detach(
  client: pg.Client,
  { schema, layout }: { schema: string; layout: Layout },
): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `select format('alter table %s detach partition %s', inhparent::regclass, inhrelid::regclass) as statement
       from pg_inherits where inhrelid = any ($1::regclass[])`,
    [layout.counted.map((table) => `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`)],
  );
  if (rows.length > 0) await client.query(rows.map(({ statement }) => statement).join(';'));
}
