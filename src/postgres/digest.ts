import pg from 'pg';
import digests from '../../sql/collection/digests.sql';
import type { Layout } from './layouts/layout.ts';
import { recordsQuery } from './records.ts';
import { AS_BEFORE, SHARED_OUT } from './shared-scan.ts';
import { filled } from './template.ts';

/**
 * A query for (source_id text, digest bigint) of all records in a schema's tables.
 * @param id what else it shall give of each, as `id`
 */
export const digestsQuery = (layout: Layout, schema: string, id?: string): string =>
  filled(digests, {
    columns: id === undefined ? 'r.source_id' : 'r.id, r.source_id',
    records: recordsQuery(layout, schema, id),
  });

export interface CollectionChecksum {
  records: number;
  /** Sum of the digests modulo 2^64, decimal. */
  checksum: string;
}

/** Counts and digests every record that the tables of a schema hold. */
export async function collectionChecksum(
  client: pg.Client,
  layout: Layout,
  schema: string,
): Promise<CollectionChecksum> {
  const counts = layout.counted.map(
    (table) => `(select count(*) from ${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)})`,
  );
  // Several statements give several results: of these, the one between the settings.
  const results = (await client.query(
    `${SHARED_OUT};
     select greatest(${counts.join(', ')}) as rows, count(*) as records, coalesce(sum(digest), 0)::text as sum
       from (${digestsQuery(layout, schema)}) digested;
     ${AS_BEFORE}`,
  )) as unknown as pg.QueryResult<{ rows: number; records: number; sum: string }>[];
  const { rows, records, sum } = results.find(({ command }) => command === 'SELECT')!.rows[0]!;
  // A row that belongs to no record, for one a document without its embedding, shows in the larger count.
  return { records: Math.max(rows, records), checksum: BigInt.asUintN(64, BigInt(sum)).toString() };
}

/** Records that are named of those whose columns differ from their metadata. */
const NAMED = 100;

/** Rows whose guide columns are not what their metadata says (src/copy/guide-columns.ts has the rule). */
export async function guideColumnMismatches(
  client: pg.Client,
  schema: string,
): Promise<{ count: number; ids: string[] }> {
  const text = (column: string) =>
    `${column} is distinct from case jsonb_typeof(metadata -> '${column}') when 'string' then metadata ->> '${column}' end`;
  const integer = (column: string) =>
    `${column} is distinct from case when jsonb_typeof(metadata -> '${column}') = 'number'
       and metadata ->> '${column}' ~ '^-?[0-9]{1,10}$'
       and (metadata ->> '${column}')::bigint between -2147483648 and 2147483647
       then (metadata ->> '${column}')::integer end`;
  const { rows } = await client.query<{ count: number; ids: string[] }>(
    `select count(*), coalesce((array_agg(source_id order by source_id))[:${NAMED}], '{}') as ids
       from ${pg.escapeIdentifier(schema)}.documents
      where ${[text('file_path'), text('language'), ...['chunk_index', 'start_line', 'end_line'].map(integer)].join(' or ')}`,
  );
  return rows[0]!;
}

/** Records whose vector has no direction: a cosine index leaves them out. */
export async function countZeroVectors(client: pg.Client, layout: Layout, schema: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*) from ${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(layout.vectors)}
      where vector_norm(embedding) = 0`,
  );
  return rows[0]?.count ?? 0;
}
