import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { PublishOutput } from '../contract.ts';
import { TargetBusy, VerificationFailed } from '../errors.ts';
import type { Log } from '../log.ts';
import { incomingSchema, previousSchema } from '../postgres/collection-schema.ts';
import type { Database } from '../postgres/database.ts';
import { countRejects } from '../postgres/ledger.ts';
import { requireOwned } from '../postgres/schema-owners.ts';
import { copyGrants, dropPrevious, limitLockWait, lockTables, moveTables } from './move-tables.ts';
import { refuseRejects } from './reject-gate.ts';

/** Patience with readers and writers that hold the live tables. */
const PATIENCE_MILLISECONDS = 60_000;
/**
 * Schemas that change places in one transaction. Each takes some sixty locks of the server's table of
 * max_locks_per_transaction × max_connections (64 × 100 by default); an estate of more is published in as many
 * transactions, each of them whole.
 */
const SCHEMAS_A_TRANSACTION = 50;

interface Candidate {
  schema: string;
  collection: string;
  collection_id: string;
  verified: boolean;
  published: boolean;
  /** Run whose tables are live now; null if there are none of ours. */
  live: string | null;
}

/**
 * Puts a run's incoming tables in the place of the live ones and keeps those as previous. Readers see the old
 * tables or the new, never both or none. A second call changes nothing.
 *
 * @throws RecordsRejected, VerificationFailed, RunSuperseded, SchemaOccupied, TargetBusy
 */
export async function publish(database: Database, run: string, log: Log): Promise<PublishOutput> {
  return database.withClient(`publish ${run}`, async (client) => {
    await refuseIfRejected(client, run);
    const candidates = await candidatesOf(client, run);
    refuseUnverified(run, candidates);
    const due = candidates.filter(({ published }) => !published).map(({ schema }) => schema);
    for (let start = 0; start < due.length; start += SCHEMAS_A_TRANSACTION)
      await withPatience(client, database, () =>
        publishSome(client, run, due.slice(start, start + SCHEMAS_A_TRANSACTION)),
      );
    log.info('published', { run, published: candidates.length });
    return { run, published: candidates.length };
  });
}

/** Tries a transaction again while somebody holds its tables. */
export async function withPatience(
  client: pg.Client,
  database: Database,
  work: () => Promise<void>,
): Promise<void> {
  const deadline = Date.now() + PATIENCE_MILLISECONDS;
  for (;;) {
    try {
      await client.query('begin');
      await limitLockWait(client);
      await work();
      await client.query('commit');
      return;
    } catch (error) {
      const named = database.explain(error);
      if (!(named instanceof TargetBusy) || Date.now() > deadline) throw named;
      await client.query('rollback');
      // Readers that wait behind this lock go first; the jitter keeps two publishers apart.
      await sleep(50 + Math.random() * 200);
    }
  }
}

async function refuseIfRejected(client: pg.Client, run: string): Promise<void> {
  const rejected = await countRejects(client, run);
  if (rejected === 0) return;
  const { rows } = await client.query<{ policy: string }>(
    `select options ->> 'onReject' as policy from chroma_migration.runs where run = $1`,
    [run],
  );
  if (rows[0]?.policy !== 'quarantine') await refuseRejects(client, run, rejected);
}

function refuseUnverified(run: string, candidates: Candidate[]): void {
  const unverified = candidates.filter(({ verified }) => !verified).map(({ schema }) => `"${schema}"`);
  if (unverified.length > 0)
    throw new VerificationFailed(
      `${unverified.slice(0, 10).join(', ')} of run "${run}" is not verified, and nothing is published unverified: go on with --run ${run}.`,
    );
}

async function candidatesOf(client: pg.Client, run: string): Promise<Candidate[]> {
  const { rows } = await client.query<Candidate>(
    `select c.schema, c.collection, c.collection_id, c.verified_at is not null as verified,
            c.published_at is not null as published,
            -- A person may have dropped what was live.
            case when to_regclass(format('%I.documents', c.schema)) is not null then p.run end as live
       from chroma_migration.collections c left join chroma_migration.published_schemas p using (schema)
      where c.run = $1 order by c.schema`,
    [run],
  );
  return rows;
}

/** Those of `schemas` that are not live yet, as they stand while nobody else publishes them or rolls them back. */
async function lockCandidates(
  client: pg.Client,
  run: string,
  schemas: readonly string[],
): Promise<Candidate[]> {
  await client.query(
    'select from chroma_migration.collections where run = $1 and schema = any ($2) order by schema for update',
    [run, schemas],
  );
  await client.query(
    'select from chroma_migration.published_schemas where schema = any ($1) order by schema for update',
    [schemas],
  );
  const candidates = await candidatesOf(client, run);
  return candidates.filter(({ schema, published }) => schemas.includes(schema) && !published);
}

async function publishSome(client: pg.Client, run: string, schemas: readonly string[]): Promise<void> {
  // The tables that another run has put in the place of this one's were never verified by this one.
  await requireOwned(client, run, schemas);
  const candidates = await lockCandidates(client, run, schemas);
  refuseUnverified(run, candidates);
  const live = candidates.filter((candidate) => candidate.live !== null);
  for (const { schema } of live) await dropPrevious(client, previousSchema(schema));
  await lockTables(
    client,
    live.map(({ schema }) => schema),
  );
  for (const candidate of candidates) {
    const { schema } = candidate;
    await client.query(`create schema if not exists ${pg.escapeIdentifier(schema)}`);
    if (candidate.live !== null) {
      await copyGrants(client, schema, incomingSchema(schema));
      await client.query(`create schema ${pg.escapeIdentifier(previousSchema(schema))}`);
      await moveTables(client, schema, previousSchema(schema));
    }
    await moveTables(client, incomingSchema(schema), schema);
    await client.query(`drop schema ${pg.escapeIdentifier(incomingSchema(schema))}`);
    await noteLive(client, run, candidate);
  }
}

async function noteLive(client: pg.Client, run: string, candidate: Candidate): Promise<void> {
  const { schema, collection, collection_id, live } = candidate;
  await client.query(
    `insert into chroma_migration.published_schemas (schema, run, collection, collection_id, previous_run)
     values ($1, $2, $3, $4, $5)
     on conflict (schema) do update
       set run = excluded.run, collection = excluded.collection, collection_id = excluded.collection_id,
           previous_run = excluded.previous_run, published_at = now()`,
    [schema, run, collection, collection_id, live],
  );
  await client.query(
    'update chroma_migration.collections set published_at = now() where run = $1 and schema = $2',
    [run, schema],
  );
}
