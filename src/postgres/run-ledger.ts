/** What the ledger says of a whole run. */
import type pg from 'pg';
import { type UpdateState, updateStates } from '../delta/ledger.ts';
import type { IndexBuildReport, ShardReport } from '../report/report.ts';
import { countRejects, type LedgerReject, rejectsOf } from './ledger.ts';

/** What the ledger and the server say of a run, for its report. */
export interface RunLedger {
  startedAt: string;
  postgresVersion: string;
  pgvectorVersion: string;
  shards: ShardReport[];
  rejects: LedgerReject[];
  rejected: number;
  repaired: number;
  indexBuilds: IndexBuildReport[];
  updates: Map<string, UpdateState>;
  /** Schemas that this run published and in which its tables still are. */
  published: Set<string>;
  /** Schemas that it published, by the run whose tables are in their place now. */
  replaced: Map<string, string>;
}

/** null if the database has never heard of the run. */
export async function readRunLedger(
  client: pg.Client,
  run: string,
  rejects: number,
): Promise<RunLedger | null> {
  const known = await client.query<{ exists: boolean }>(
    `select to_regclass('chroma_migration.runs') is not null as exists`,
  );
  if (!known.rows[0]?.exists) return null;
  const started = await client.query<{ startedAt: Date; postgres: string; pgvector: string | null }>(
    `select started_at as "startedAt", current_setting('server_version') as postgres,
            (select extversion from pg_extension where extname = 'vector') as pgvector
       from chroma_migration.runs where run = $1`,
    [run],
  );
  const [first] = started.rows;
  if (!first) return null;
  const { rows: published } = await client.query<{ schema: string; live: string }>(
    `select schema, live.run as live
       from chroma_migration.collections c join chroma_migration.published_schemas live using (schema)
      where c.run = $1 and c.published_at is not null`,
    [run],
  );
  return {
    startedAt: first.startedAt.toISOString(),
    postgresVersion: first.postgres,
    pgvectorVersion: first.pgvector ?? '',
    shards: await shardReports(client, run),
    rejects: await rejectsOf(client, run, rejects),
    rejected: await countRejects(client, run),
    repaired: await countRepaired(client, run),
    indexBuilds: await indexBuildReports(client, run),
    updates: await updateStates(client, run),
    published: new Set(published.filter(({ live }) => live === run).map(({ schema }) => schema)),
    replaced: new Map(published.filter(({ live }) => live !== run).map(({ schema, live }) => [schema, live])),
  };
}

async function countRepaired(client: pg.Client, run: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    'select count(*) from chroma_migration.rejects where run = $1 and repair is not null',
    [run],
  );
  return rows[0]?.count ?? 0;
}

async function shardReports(client: pg.Client, run: string): Promise<ShardReport[]> {
  const { rows } = await client.query<{ report: ShardReport }>(
    `select jsonb_build_object(
              'schema', schema, 'number', number, 'content', content, 'records', records, 'loaded', loaded,
              'rejected', rejected, 'vanished', vanished, 'checksum', checksum::text, 'bytes', bytes, 'exportStartedAt', export_started_at, 'exportedAt', exported_at,
              'importStartedAt', import_started_at, 'importedAt', imported_at) as report
       from chroma_migration.shards where run = $1 order by schema, number`,
    [run],
  );
  return rows.map(({ report }) => report);
}

async function indexBuildReports(client: pg.Client, run: string): Promise<IndexBuildReport[]> {
  const { rows } = await client.query<{ report: IndexBuildReport }>(
    `select jsonb_build_object(
              'schema', schema, 'index', index, 'ddl', ddl, 'state', state, 'error', error,
              'startedAt', started_at, 'finishedAt', finished_at, 'spillsAfter', spills_after) as report
       from chroma_migration.index_builds where run = $1 order by started_at, schema, index`,
    [run],
  );
  return rows.map(({ report }) => report);
}
