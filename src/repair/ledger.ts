/** The ledger's queries on repaired records. They run in the caller's transaction. */
import type pg from 'pg';
import { REPAIRABLE } from './repair-record.ts';

/** A rejected record that may be repaired. */
export interface RepairableReject {
  schema: string;
  shard: number;
  offset: number;
  record: string;
}

/** The next repairable rejects of one shard behind an offset, in Chroma's order; none if no shard has any left. */
export async function nextRepairable(
  client: pg.Client,
  run: string,
  after: Pick<RepairableReject, 'schema' | 'offset'>,
  limit: number,
): Promise<RepairableReject[]> {
  const { rows } = await client.query<RepairableReject>(
    `with next as (
       select schema, shard, record_offset, record from chroma_migration.rejects
        where run = $1 and repair is null and reason = any ($2) and (schema, record_offset) > ($3, $4)
        order by schema, record_offset limit $5)
     select schema, shard, record_offset as offset, record from next
      where (schema, shard) = (select schema, shard from next order by schema, record_offset limit 1)
      order by record_offset`,
    [run, REPAIRABLE, after.schema, after.offset, limit],
  );
  return rows;
}

export interface Repair {
  offset: number;
  repair: string;
  rowId: string;
  digest: bigint;
}

/** Notes what was repaired: in the list of rejects, and in the shard's account. */
export async function noteRepairs(
  client: pg.Client,
  { run, schema, shard }: { run: string; schema: string; shard: number },
  repairs: readonly Repair[],
): Promise<void> {
  await client.query(
    `update chroma_migration.rejects r set repair = done.repair, row_id = done.row_id, digest = done.digest
       from unnest($3::bigint[], $4::text[], $5::uuid[], $6::bigint[]) as done (record_offset, repair, row_id, digest)
      where r.run = $1 and r.schema = $2 and r.record_offset = done.record_offset`,
    [
      ...[run, schema],
      repairs.map(({ offset }) => offset),
      repairs.map(({ repair }) => repair),
      repairs.map(({ rowId }) => rowId),
      repairs.map(({ digest }) => String(digest)),
    ],
  );
  const sum = repairs.reduce((total, { digest }) => BigInt.asUintN(64, total + digest), 0n);
  await client.query(
    `update chroma_migration.shards
        set loaded = loaded + $4, rejected = rejected - $4, checksum = mod(checksum + $5, 18446744073709551616)
      where run = $1 and schema = $2 and number = $3`,
    [run, schema, shard, repairs.length, sum.toString()],
  );
}

/** A repaired record's row. */
export interface RepairedRow {
  rowId: string;
  /** The record's id as the list of rejects has it. */
  id: string;
  shard: number;
  digest: string;
}

/** Rows of repaired records that a run put into a schema's tables. */
export async function repairedRows(client: pg.Client, run: string, schema: string): Promise<RepairedRow[]> {
  const { rows } = await client.query<RepairedRow>(
    `select row_id as "rowId", source_id as id, shard, digest::text
       from chroma_migration.rejects where run = $1 and schema = $2 and repair is not null`,
    [run, schema],
  );
  return rows;
}

/** Row ids of the repaired records that are live in a schema; none where there is no ledger. */
export async function liveRepairs(client: pg.Client, schema: string): Promise<Set<string>> {
  const { rows: known } = await client.query<{ there: boolean }>(
    `select exists (select from information_schema.columns
                     where table_schema = 'chroma_migration' and table_name = 'rejects' and column_name = 'row_id') as there`,
  );
  if (!known[0]!.there) return new Set();
  const { rows } = await client.query<{ id: string }>(
    `select r.row_id as id from chroma_migration.rejects r join chroma_migration.published_schemas p using (run, schema)
      where p.schema = $1 and r.repair is not null`,
    [schema],
  );
  return new Set(rows.map(({ id }) => id));
}
