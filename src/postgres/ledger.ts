/** The ledger's queries on runs, shards and rejects, one function each. They run in the caller's transaction. */
import type pg from 'pg';
import type { CollectionPlan, Plan, Reject, RejectReason, ShardContent } from '../contract.ts';
import { InvalidInput } from '../errors.ts';
import type { ParameterReport, RunReport } from '../report/report.ts';
import { incomingSchema } from './collection-schema.ts';
import { holdableJson, holdableText } from './holdable-json.ts';
import { requireOwned } from './schema-owners.ts';

/**
 * Notes the run, or that it goes on. What the ledger says is done was done by one plan: under another, records of
 * another source or of another day would pass for those that are asked for now.
 *
 * @throws InvalidInput if the run has another plan
 */
export async function beginRun(client: pg.Client, plan: Plan): Promise<void> {
  const { rowCount } = await client.query(
    `insert into chroma_migration.runs as known (run, state, options, planned_at) values ($1, 'running', $2, $3)
     on conflict (run) do update
       set state = 'running', options = excluded.options, planned_at = excluded.planned_at, seen_at = now(),
           ended_at = null, error = null
       where coalesce(known.planned_at = excluded.planned_at, true)`,
    [plan.run, plan.options, plan.createdAt],
  );
  if (rowCount === 0)
    throw new InvalidInput(
      `Run "${plan.run}" of this database follows another plan than the store's: pass the --store that it was started with, or another --run.`,
    );
}

/** Says that the run is alive. By the clock: now() is the transaction's beginning, an import's many minutes ago. */
export async function touchRun(client: pg.Client, run: string): Promise<void> {
  await client.query('update chroma_migration.runs set seen_at = clock_timestamp() where run = $1', [run]);
}

export async function endRun(
  client: pg.Client,
  run: string,
  state: RunReport['status'],
  error: RunReport['error'],
): Promise<void> {
  await client.query(
    'update chroma_migration.runs set state = $2, error = $3, ended_at = now(), seen_at = now() where run = $1',
    [run, state, error],
  );
}

/** Notes what the run is to move, Chroma's own words on each collection included. */
export async function recordCollections(client: pg.Client, { run, collections }: Plan): Promise<void> {
  await client.query(
    `insert into chroma_migration.collections
       (run, schema, tenant, database, collection, collection_id, dimension, space, records, metadata, configuration)
     select $1, schema, tenant, database, collection, "collectionId", dimension, space, records,
            nullif(metadata::jsonb, 'null'), nullif(configuration::jsonb, 'null')
       from jsonb_to_recordset($2::jsonb) as planned
            (schema text, tenant text, database text, collection text, "collectionId" uuid, dimension integer,
             space text, records bigint, metadata text, configuration text)
     on conflict do nothing`,
    [run, holdableJson(collections.map(ledgerColumns))],
  );
}

const ledgerColumns = (plan: CollectionPlan) => {
  const { profile: _profile, hnsw: _hnsw, metadataText, configurationText, ...columns } = plan;
  return {
    ...columns,
    metadata: holdableText(plan.metadata, metadataText),
    configuration: holdableText(plan.configuration, configurationText),
  };
};

/** Forgets what a run had done in schemas whose incoming tables are made anew. */
export async function forgetProgress(client: pg.Client, run: string, schemas: string[]): Promise<void> {
  for (const table of ['shards', 'rejects', 'index_builds'])
    await client.query(`delete from chroma_migration.${table} where run = $1 and schema = any ($2)`, [
      ...[run, schemas],
    ]);
  await client.query(
    `update chroma_migration.collections set source_checksum = null, target_checksum = null, verified_at = null
      where run = $1 and schema = any ($2) and verified_at is not null`,
    [run, schemas],
  );
}

interface ShardKey {
  run: string;
  schema: string;
  number: number;
}

/**
 * Claims a shard within the caller's transaction. A second import of the same shard waits here for the first
 * and then sees that it is done.
 *
 * @returns whether the shard is the caller's to import @throws RunSuperseded
 */
export async function claimShard(client: pg.Client, { run, schema, number }: ShardKey): Promise<boolean> {
  const { rowCount: claimed } = await client.query(
    `insert into chroma_migration.shards (run, schema, number) values ($1, $2, $3) on conflict do nothing`,
    [run, schema, number],
  );
  if (claimed) await requireOwned(client, run, [schema]);
  return claimed === 1;
}

export interface CompletedShard extends ShardKey {
  content: ShardContent;
  /** Ids that were asked for: `records = loaded + rejected + vanished`. */
  records: number;
  loaded: number;
  rejected: number;
  vanished: number;
  /** Decimal, 0 to 2^64 − 1. */
  checksum: string;
  bytes: number;
  exportStartedAt: string;
  exportedAt: string;
  importStartedAt: string;
}

export async function completeShard(client: pg.Client, shard: CompletedShard): Promise<void> {
  const { run, schema, number, records, loaded, rejected, vanished, checksum, bytes, content } = shard;
  await client.query(
    `update chroma_migration.shards
        set records = $4, loaded = $5, rejected = $6, checksum = $7, bytes = $8, export_started_at = $9,
            exported_at = $10, import_started_at = $11, imported_at = clock_timestamp(), vanished = $12,
            content = $13
      where run = $1 and schema = $2 and number = $3`,
    [
      ...[run, schema, number, records, loaded, rejected, checksum, bytes],
      ...[shard.exportStartedAt, shard.exportedAt, shard.importStartedAt, vanished, content],
    ],
  );
  await touchRun(client, run);
}

/** Notes rejected records, with what Chroma sent of them. */
export async function insertRejects(
  client: pg.Client,
  { run, schema, number }: ShardKey,
  rejects: readonly Reject[],
): Promise<void> {
  await client.query(
    `insert into chroma_migration.rejects (run, schema, shard, record_offset, source_id, reason, detail, record)
     select $1, $2, $3, * from unnest($4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[])
     on conflict do nothing`,
    [
      ...[run, schema, number],
      rejects.map(({ offset }) => offset),
      rejects.map(({ id }) => id),
      rejects.map(({ reason }) => reason),
      rejects.map(({ detail }) => detail),
      rejects.map(({ record }) => record),
    ],
  );
}

export interface LoadedShard {
  number: number;
  content: ShardContent;
  loaded: number;
  rejected: number;
  vanished: number;
  checksum: string;
}

/** Shards of a collection that are in. */
export async function shardsOf(client: pg.Client, run: string, schema: string): Promise<LoadedShard[]> {
  const { rows } = await client.query<LoadedShard>(
    `select number, content, loaded, rejected, vanished, checksum::text
       from chroma_migration.shards where run = $1 and schema = $2 order by number`,
    [run, schema],
  );
  return rows;
}

/** `schema/number` of all shards that are in. */
export async function finishedShards(client: pg.Client, run: string): Promise<Set<string>> {
  const { rows } = await client.query<{ key: string }>(
    `select schema || '/' || number as key from chroma_migration.shards where run = $1`,
    [run],
  );
  return new Set(rows.map(({ key }) => key));
}

/** Rejected records that were not repaired. */
export async function countRejects(client: pg.Client, run: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    'select count(*) from chroma_migration.rejects where run = $1 and repair is null',
    [run],
  );
  return rows[0]?.count ?? 0;
}

export interface LedgerReject {
  schema: string;
  shard: number;
  id: string;
  reason: RejectReason;
  detail: string;
}

export async function rejectsOf(client: pg.Client, run: string, limit: number): Promise<LedgerReject[]> {
  const { rows } = await client.query<LedgerReject>(
    `select schema, shard, source_id as id, reason, detail
       from chroma_migration.rejects where run = $1 and repair is null order by schema, record_offset limit $2`,
    [run, limit],
  );
  return rows;
}

/** Where a collection's tables of this run are: a run that goes on after it was published finds them live. */
export async function tablesOf(client: pg.Client, run: string, schema: string): Promise<string> {
  const { rowCount } = await client.query(
    `select from chroma_migration.collections where run = $1 and schema = $2 and published_at is not null`,
    [run, schema],
  );
  return rowCount ? schema : incomingSchema(schema);
}

export interface VerifiedCollection {
  run: string;
  schema: string;
  sourceChecksum: string;
  targetChecksum: string;
}

export async function recordVerified(client: pg.Client, verified: VerifiedCollection): Promise<void> {
  await client.query(
    `update chroma_migration.collections
        set source_checksum = $3, target_checksum = $4, verified_at = now() where run = $1 and schema = $2`,
    [verified.run, verified.schema, verified.sourceChecksum, verified.targetChecksum],
  );
  await touchRun(client, verified.run);
}

/** Takes back that a collection is verified: a later look has found its tables to be otherwise. */
export async function forgetVerified(client: pg.Client, run: string, schema: string): Promise<void> {
  await client.query(
    'update chroma_migration.collections set verified_at = null where run = $1 and schema = $2 and published_at is null',
    [run, schema],
  );
}

export interface ParameterChange {
  name: string;
  oldValue: string | null;
}

export async function parameterChangesOf(client: pg.Client, run: string): Promise<ParameterChange[]> {
  const { rows } = await client.query<ParameterChange>(
    `select name, old_value as "oldValue" from chroma_migration.parameter_changes where run = $1 order by id`,
    [run],
  );
  return rows;
}

/** Notes a setting's old value; to be called before it is changed. */
export async function recordParameterChange(
  client: pg.Client,
  change: ParameterReport & { run: string },
): Promise<void> {
  await client.query(
    `insert into chroma_migration.parameter_changes
       (run, scope, name, old_value, new_value, unit, reason, needs_reboot) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      ...[change.run, change.scope, change.name, change.oldValue, change.newValue],
      ...[change.unit, change.reason, change.needsReboot],
    ],
  );
}
