import type pg from 'pg';
import { type CollectionPlan, LAYOUTS, type LayoutName } from '../contract.ts';
import { layoutOf } from './layouts/layouts.ts';
import { hasLedgerTable } from './ledger-schema.ts';

/**
 * The layouts of collections' live tables by schema; a schema without any is not in it. Where somebody's tables make
 * it look like several, the ledger knows which of them are ours.
 */
export async function liveLayouts(
  client: pg.Client,
  collections: readonly Pick<CollectionPlan, 'schema' | 'collection'>[],
): Promise<Map<string, LayoutName>> {
  const published = await publishedLayouts(client);
  const candidates = collections.flatMap(({ schema, collection }) =>
    LAYOUTS.map((layout) => ({
      ...{ schema, layout, is_published: published.get(schema) === layout },
      names: layoutOf({ layout, collection }).relations.map(({ name }) => name),
    })),
  );
  const { rows } = await client.query<{ schema: string; layout: LayoutName }>(
    `select distinct on (schema) schema, layout
       from rows from (jsonb_to_recordset($1::jsonb) as (schema text, layout text, is_published boolean, names text[]))
            with ordinality as candidate (schema, layout, is_published, names, place)
      where (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where n.nspname = candidate.schema and c.relname = any (candidate.names)) = cardinality(names)
      order by schema, is_published desc, place`,
    [JSON.stringify(candidates)],
  );
  return new Map(rows.map(({ schema, layout }) => [schema, layout]));
}

/** A database may have no ledger, and one of an older version knew no layouts. */
async function publishedLayouts(client: pg.Client): Promise<Map<string, string>> {
  if (!(await hasLedgerTable(client))) return new Map();
  const { rows } = await client.query<{ schema: string; layout: string }>(
    `select schema, coalesce(to_jsonb(p) ->> 'layout', 'guide') as layout from chroma_migration.published_schemas p`,
  );
  return new Map(rows.map(({ schema, layout }) => [schema, layout]));
}
