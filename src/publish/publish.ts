import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { LayoutName, PublishOutput, Space } from '../contract.ts';
import { applyDelta } from '../delta/apply-delta.ts';
import { TargetBusy, VerificationFailed } from '../errors.ts';
import { type Log, reportProgress } from '../log.ts';
import { incomingSchema, previousSchema } from '../postgres/collection-schema.ts';
import type { Database } from '../postgres/database.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import { countRejects } from '../postgres/ledger.ts';
import { requireOwned } from '../postgres/schema-owners.ts';
import { attachment, detach } from '../postgres/shared-tables.ts';
import {
  copyGrants,
  dropPrevious,
  limitLockWait,
  lockTables,
  moveTables,
  type Place,
  stands,
} from './move-tables.ts';
import { refuseRejects } from './reject-gate.ts';
import { exchangeGrants, renameSchema, wholeSchemas } from './whole-schemas.ts';

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
  layout: LayoutName;
  dimension: number | null;
  space: Space;
  /** The live tables are brought up to date in place; otherwise the incoming ones take the place. */
  updates: boolean;
  /** Run whose tables are live now, and their layout; null if there are none of ours. */
  live_run: string | null;
  live_layout: LayoutName | null;
  previous_layout: LayoutName | null;
}

/**
 * Puts a run's incoming tables in the place of the live ones and keeps those as previous, or brings the live ones up
 * to date. Readers see the old tables or the new, never both or none. A second call changes nothing.
 *
 * @throws RecordsRejected, VerificationFailed, RunSuperseded, SchemaOccupied, TargetBusy
 */
export async function publish(database: Database, run: string, log: Log): Promise<PublishOutput> {
  return database.withClient(`publish ${run}`, async (client) => {
    await refuseIfRejected(client, run);
    const candidates = await candidatesOf(client, run);
    refuseUnverified(run, candidates);
    const due = candidates.filter(({ published }) => !published).map(({ schema }) => schema);
    for (let start = 0; start < due.length; start += SCHEMAS_A_TRANSACTION) {
      if (start > 0) reportProgress(log, { phase: 'publish', collections: start, of: due.length });
      await withPatience(client, database, () =>
        publishSome(client, run, due.slice(start, start + SCHEMAS_A_TRANSACTION)),
      );
    }
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

/** Collections of the run; those of `schemas` alone, where they are given. */
async function candidatesOf(
  client: pg.Client,
  run: string,
  schemas: readonly string[] | null = null,
): Promise<Candidate[]> {
  const { rows } = await client.query<Candidate>(
    `select c.schema, c.collection, c.collection_id, c.verified_at is not null as verified,
            c.published_at is not null as published, c.dimension, c.space, c.updates_live as updates,
            coalesce(r.options ->> 'layout', 'guide') as layout,
            p.run as live_run, p.layout as live_layout, p.previous_layout
       from chroma_migration.collections c
       join chroma_migration.runs r using (run)
       left join chroma_migration.published_schemas p using (schema)
      where c.run = $1 and ($2::text[] is null or c.schema = any ($2)) order by c.schema`,
    [run, schemas],
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
  const candidates = await candidatesOf(client, run, schemas);
  return candidates.filter(({ published }) => !published);
}

async function publishSome(client: pg.Client, run: string, schemas: readonly string[]): Promise<void> {
  // The tables that another run has put in the place of this one's were never verified by this one.
  await requireOwned(client, run, schemas);
  const candidates = await lockCandidates(client, run, schemas);
  refuseUnverified(run, candidates);
  const deleteMissing = await deletesMissing(client, run);
  for (const candidate of candidates.filter(({ updates }) => updates)) {
    await applyDelta(client, run, candidate.schema, deleteMissing);
    await noteUpdated(client, run, candidate);
  }
  const moved = candidates.filter(({ updates }) => !updates);
  const live = await livePlaces(client, moved);
  await dropPrevious(client, previousPlaces(moved.filter(({ schema }) => live.has(schema))));
  await lockTables(client, [...live.values()]);
  const present = await presentSchemas(client, schemas);
  const whole = await wholeSchemas(
    client,
    [...live.values()].map((place) => ({ place, other: incomingSchema(place.schema) })),
  );
  await exchangeGrants(
    client,
    [...whole].map((schema) => [schema, incomingSchema(schema)]),
  );
  for (const candidate of moved) {
    const { schema } = candidate;
    const before = live.get(schema);
    if (before) await moveAway(client, before, whole.has(schema));
    if (present.has(schema) && !whole.has(schema)) {
      await moveTables(client, { schema: incomingSchema(schema), layout: layoutOf(candidate) }, schema);
      await dropIncoming(client, schema);
    } else await renameIncoming(client, schema);
    if (candidate.layout === 'shared') await client.query(attachment(schema, candidate));
    await noteLive(client, run, candidate, before !== undefined);
  }
}

/** What is live of the candidates by schema. A person may have dropped it. */
async function livePlaces(client: pg.Client, candidates: readonly Candidate[]): Promise<Map<string, Place>> {
  const places = new Map<string, Place>();
  for (const { schema, collection, live_layout: layout } of candidates) {
    if (layout === null) continue;
    const place = { schema, layout: layoutOf({ layout, collection }) };
    if (await stands(client, place)) places.set(schema, place);
  }
  return places;
}

const previousPlaces = (candidates: readonly Candidate[]): Place[] =>
  candidates.map(({ schema, collection, previous_layout }) => ({
    schema: previousSchema(schema),
    layout: layoutOf({ layout: previous_layout ?? 'guide', collection }),
  }));

/** @param whole whether the schema holds nothing else and goes with it */
async function moveAway(client: pg.Client, live: Place, whole: boolean): Promise<void> {
  const { schema } = live;
  await copyGrants(client, live, incomingSchema(schema));
  await detach(client, live);
  if (whole) {
    await renameSchema(client, schema, previousSchema(schema));
    return;
  }
  await client.query(`create schema ${pg.escapeIdentifier(previousSchema(schema))}`);
  await moveTables(client, live, previousSchema(schema));
}

async function presentSchemas(client: pg.Client, schemas: readonly string[]): Promise<Set<string>> {
  const { rows } = await client.query<{ schema: string }>(
    'select nspname as schema from pg_namespace where nspname = any ($1)',
    [schemas],
  );
  return new Set(rows.map(({ schema }) => schema));
}

/** A run that updates live tables has compared here what it then had to make whole. */
const dropCompared = (incoming: string) =>
  `drop table if exists ${incoming}.source_digests, ${incoming}.differing`;

async function dropIncoming(client: pg.Client, schema: string): Promise<void> {
  const incoming = pg.escapeIdentifier(incomingSchema(schema));
  await client.query(`${dropCompared(incoming)}; drop schema ${incoming}`);
}

/** Where nothing stands, or no longer, the incoming schema takes the place whole. */
async function renameIncoming(client: pg.Client, schema: string): Promise<void> {
  const incoming = pg.escapeIdentifier(incomingSchema(schema));
  const target = pg.escapeIdentifier(schema);
  await client.query(
    `${dropCompared(incoming)}; alter schema ${incoming} rename to ${target}; comment on schema ${target} is null`,
  );
}

async function deletesMissing(client: pg.Client, run: string): Promise<boolean> {
  const { rows } = await client.query<{ deletes: boolean }>(
    `select coalesce((options ->> 'deleteMissing')::boolean, false) as deletes from chroma_migration.runs where run = $1`,
    [run],
  );
  return rows[0]?.deletes ?? false;
}

/** The version before stays what it was: a rollback goes back behind all updates of the live one. */
async function noteUpdated(client: pg.Client, run: string, { schema }: Candidate): Promise<void> {
  await client.query(
    'update chroma_migration.published_schemas set run = $2, published_at = now() where schema = $1',
    [schema, run],
  );
  await notePublished(client, run, schema);
}

async function noteLive(
  client: pg.Client,
  run: string,
  candidate: Candidate,
  wasLive: boolean,
): Promise<void> {
  const { schema, collection, collection_id, layout } = candidate;
  const previousRun = wasLive ? candidate.live_run : null;
  const previousLayout = wasLive ? candidate.live_layout : candidate.previous_layout;
  await client.query(
    `insert into chroma_migration.published_schemas
       (schema, run, collection, collection_id, layout, previous_run, previous_layout)
     values ($1, $2, $3, $4, $5, $6, coalesce($7, 'guide'))
     on conflict (schema) do update
       set run = excluded.run, collection = excluded.collection, collection_id = excluded.collection_id,
           layout = excluded.layout, previous_run = excluded.previous_run,
           previous_layout = excluded.previous_layout, published_at = now()`,
    [schema, run, collection, collection_id, layout, previousRun, previousLayout],
  );
  await notePublished(client, run, schema);
}

const notePublished = (client: pg.Client, run: string, schema: string) =>
  client.query(
    'update chroma_migration.collections set published_at = now() where run = $1 and schema = $2',
    [run, schema],
  );
