import pg from 'pg';
import type { CollectionItem, CollectionPlan, SampledSearches, VerifyCollectionOutput } from '../contract.ts';
import { stageUpdate } from '../delta/stage-update.ts';
import { StoreRefused } from '../errors.ts';
import { type Log, reportProgress } from '../log.ts';
import { requireCollectionPlan } from '../plan/plan-file.ts';
import { incomingSchema } from '../postgres/collection-schema.ts';
import type { Database } from '../postgres/database.ts';
import { collectionChecksum, countZeroVectors, guideColumnMismatches } from '../postgres/digest.ts';
import type { Layout } from '../postgres/layouts/layout.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import { forgetVerified, recordVerified } from '../postgres/ledger.ts';
import { requireOwned } from '../postgres/schema-owners.ts';
import { sparseColumnFindings } from '../postgres/sparse-columns.ts';
import type { RepairedRow } from '../repair/ledger.ts';
import { readJson } from '../store/json.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import { compareSearches } from './compare-searches.ts';
import { type Expected, expectedOf } from './expected-rows.ts';
import { findDiffering } from './find-differing.ts';
import { mismatchesOf, verificationFailed } from './mismatches.ts';
import type { SourceChanges } from './source-changes.ts';
import { storedChecksums, sumOfKnown } from './stored-checksums.ts';
import type { Verification } from './verification.ts';

export interface VerifyContext {
  database: Database;
  store: ShardStore;
  log: Log;
}

/**
 * Verifies the incoming tables of one collection against what the exporter read and what Chroma answers,
 * stores the finding and notes success in the ledger.
 *
 * @throws VerificationFailed naming what differs @throws RunSuperseded
 */
export async function verifyCollection(
  context: VerifyContext,
  item: CollectionItem,
): Promise<VerifyCollectionOutput> {
  const { run, schema } = item;
  const plan = await requireCollectionPlan(context.store, run, schema);
  const { target, update, ...expected } = await expectedOf(context.database, plan, schema);
  const found = await inspect(context, expected, target);
  const verification = update.updatesLive
    ? update.published
      ? found
      : await stageUpdate(context, plan, found)
    : await withKeptBack(context.store, found);
  await context.store.writeText(keys.verification(run, schema), `${JSON.stringify(verification, null, 2)}\n`);
  if (!verification.verified) {
    await context.database.withKeptClient(`verify ${run}`, async (client) => {
      await forgetVerified(client, run, schema);
      // Tables that another run has taken over meanwhile are not this one's to judge.
      if (target === incomingSchema(schema)) await requireOwned(client, run, [schema]);
    });
    throw verificationFailed([verification]);
  }
  const { checksum, records, searches } = verification;
  await context.database.withKeptClient(`verify ${run}`, (client) =>
    recordVerified(client, { run, schema, sourceChecksum: checksum.source, targetChecksum: checksum.target }),
  );
  context.log.info('collection verified', { run, schema, records: records.target });
  return { ...item, records: records.target, checksum: checksum.target, recallAt10: searches.recallAt10 };
}

/**
 * A record that Chroma did not hand out counts as deleted since the plan. That it was is what the later listing must
 * say: an answer that leaves records out for a moment would lose them.
 */
async function withKeptBack(store: ShardStore, found: Verification): Promise<Verification> {
  const { run, schema, records } = found;
  if (records.vanished === 0) return found;
  const changes = await readJson<SourceChanges>(store, keys.changes(run, schema));
  const keptBack = changes ? records.vanished - changes.deleted.count - changes.rewritten.count : 0;
  if (keptBack <= 0) return found;
  const sentence = `${keptBack} records that Chroma did not hand out when they were read are there all the same.`;
  return { ...found, verified: false, mismatches: [...found.mismatches, sentence] };
}

/**
 * Compares the tables of `target` with what should be there and with the sampled searches. Changes nothing.
 * @param target schema in which the tables are: the incoming one, or the live one later
 */
export async function inspect(
  { database, store, log }: VerifyContext,
  { plan, collection, loaded, rejected, vanished, read, rows }: Expected,
  target: string,
): Promise<Verification> {
  const startedAt = new Date().toISOString();
  const { run } = plan;
  const { schema } = collection;
  const layout = layoutOf(collection);
  const samples = await readSamples(store, run, schema);
  return database.withKeptClient(`verify ${run}`, async (client) => {
    reportProgress(log, { phase: 'verify', schema, records: 0 });
    const found = await collectionChecksum(client, layout, target);
    reportProgress(log, { phase: 'verify', schema, records: found.records });
    const dimension = { source: collection.dimension, target: await columnDimension(client, layout, target) };
    const columns = layout.hasGuideColumns
      ? await guideColumnMismatches(client, target)
      : { count: 0, ids: [] };
    const zeroVectors = collection.space === 'cosine' ? await countZeroVectors(client, layout, target) : 0;
    const sparseColumns = await sparseColumnFindings(client, layout, target);
    const records = {
      source: samples.records,
      planned: collection.records,
      ...{ loaded, rejected, vanished },
      target: found.records,
    };
    const stored = await storedOf(store, run, schema, { read, rows });
    const checksum = { source: rows.checksum, store: stored.store, target: found.checksum };
    const equal = found.records === rows.records && found.checksum === rows.checksum;
    const unlike = equal
      ? { missing: [], unexpected: [], changed: [] }
      : await findDiffering(client, store, { collection, run, ...rows }, target);
    const bent = [...columns.ids, ...sparseColumns.flatMap((one) => one.differing)];
    const differing = { ...unlike, changed: [...new Set([...unlike.changed, ...bent])] };
    const searches = await compareSearches(client, searchTarget(collection, target), samples);
    const metadataMismatches = columns.count;
    const finding = {
      ...{ records, dimension, checksum, differing, metadataMismatches, zeroVectors },
      ...{ sparseColumns, searches },
    };
    const mismatches = mismatchesOf(collection, rows, finding);
    return {
      ...{ run, schema, collection: collection.collection, verified: mismatches.length === 0 },
      ...{ startedAt, finishedAt: new Date().toISOString() },
      ...finding,
      ...{ stored: stored.shards, mismatches },
      indexes: await validIndexes(client, layout, target),
    };
  });
}

/** What the digests in the store come to: of what the tables must hold, and of each shard. */
async function storedOf(
  store: ShardStore,
  run: string,
  schema: string,
  { read, rows }: Pick<Expected, 'read' | 'rows'>,
): Promise<{ store: string | null; shards: Verification['stored'] }> {
  const keyOf = (number: number) => keys.digests(run, schema, number);
  const sums = await storedChecksums(store, [...rows.digests, ...read.map(keyOf)]);
  const repaired = Map.groupBy(rows.repaired, ({ shard }) => shard);
  const sumOf = (objects: readonly string[], more: readonly RepairedRow[]) =>
    sumOfKnown([...objects.map((key) => sums.get(key) ?? null), ...more.map(({ digest }) => digest)]);
  return {
    store: sumOf(rows.digests, rows.repaired),
    shards: read.map((number) => ({
      number,
      checksum: sumOf([keyOf(number)], repaired.get(number) ?? []),
    })),
  };
}

const searchTarget = (collection: CollectionPlan, schema: string) => ({
  schema,
  collection,
  efSearch: Math.min(1000, Math.max(1, collection.hnsw.efSearch)),
});

async function readSamples(store: ShardStore, run: string, schema: string): Promise<SampledSearches> {
  const samples = await readJson<SampledSearches>(store, keys.searches(run, schema));
  if (samples) return samples;
  throw new StoreRefused(
    `The store ${store.url} has no sampled searches of "${schema}": run the verification again.`,
  );
}

/** Dimension of the embedding column; null if it has none. pgvector keeps it as the column's type modifier. */
async function columnDimension(client: pg.Client, layout: Layout, schema: string): Promise<number | null> {
  const { rows } = await client.query<{ dimension: number }>(
    `select atttypmod as dimension from pg_attribute
      where attrelid = to_regclass($1) and attname = 'embedding' and not attisdropped`,
    [`${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(layout.vectors)}`],
  );
  const dimension = rows[0]?.dimension ?? -1;
  return dimension > 0 ? dimension : null;
}

async function validIndexes(client: pg.Client, layout: Layout, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name
       from pg_index i join pg_class c on c.oid = i.indexrelid
       join pg_class t on t.oid = i.indrelid
      where t.relnamespace = to_regnamespace($1) and t.relname = any ($2) and i.indisvalid
      order by 1`,
    [pg.escapeIdentifier(schema), layout.relations.map(({ name }) => name)],
  );
  return rows.map(({ name }) => name);
}
