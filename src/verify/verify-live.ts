import { Readable } from 'node:stream';
import pMap from 'p-map';
import type { RecordSource } from '../chroma/record-source.ts';
import { scanLines } from '../chroma/scan-lines.ts';
import type { CollectionPlan, LayoutName, Plan, Reject, ShardItem } from '../contract.ts';
import { addChecksums } from '../copy/digest.ts';
import { uuidText } from '../copy/record-id.ts';
import { ShardEncoder } from '../copy/shard-encoder.ts';
import { VerificationFailed } from '../errors.ts';
import { type Log, reportProgress } from '../log.ts';
import type { Database } from '../postgres/database.ts';
import { liveLayouts } from '../postgres/live-layouts.ts';
import { liveRepairs } from '../repair/ledger.ts';
import { repairRecord } from '../repair/repair-record.ts';
import { requireManifest } from '../shard/manifest.ts';
import { ShardReader } from '../shard/read-shard.ts';
import type { RecordAccount } from '../shard/shard-account.ts';
import { readShardIds } from '../shard/shard-ids.ts';
import { Ticker } from '../shard/ticker.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import { sampleSearches } from './sample-searches.ts';
import type { Verification } from './verification.ts';
import { inspect } from './verify-collection.ts';

export interface VerifyLiveContext {
  chroma: RecordSource;
  database: Database;
  /** A store for digests and samples; it may be thrown away afterwards. */
  store: ShardStore;
  log: Log;
}

/** Collections without tables that an error names. */
const NAMED = 10;

/** What one shard's records come to. */
interface ShardSum {
  read: number;
  rejected: number;
  vanished: number;
  checksum: string;
}

/**
 * Verifies the live tables at any later time: reads every record of Chroma again and compares it with what
 * the tables hold now. Needs neither the run's store nor its ledger, which only tells what was repaired, and changes
 * nothing on either side.
 *
 * @param plan a fresh plan of the source, already in `store` with its shards
 * @throws VerificationFailed if a collection has no tables at all
 */
export async function verifyLive(
  context: VerifyLiveContext,
  plan: Plan,
  shards: readonly ShardItem[],
): Promise<Verification[]> {
  const collections = await withLiveLayouts(context.database, plan.collections);
  const shardsOf = Map.groupBy(shards, ({ schema }) => schema);
  return pMap(
    collections,
    (collection) => verifyOne(context, plan, collection, shardsOf.get(collection.schema) ?? []),
    { concurrency: 2 },
  );
}

/**
 * Verifies the live tables against a run whose shards lie whole in the store: its digests and sampled searches are
 * compared, and no source is asked.
 *
 * @throws VerificationFailed if a collection has no tables at all
 */
export async function verifyStored(
  context: Omit<VerifyLiveContext, 'chroma'>,
  plan: Plan,
): Promise<Verification[]> {
  const collections = await withLiveLayouts(context.database, plan.collections);
  return pMap(collections, (collection) => verifyStoredOne(context, plan, collection), { concurrency: 2 });
}

async function verifyStoredOne(
  context: Omit<VerifyLiveContext, 'chroma'>,
  plan: Plan,
  collection: CollectionPlan,
): Promise<Verification> {
  const { schema, shards } = collection;
  const numbers = Array.from({ length: shards }, (_, number) => number);
  const manifests = await Promise.all(
    numbers.map((number) => requireManifest(context.store, keys.manifest(plan.run, schema, number))),
  );
  const total = (key: 'written' | 'rejected' | 'vanished') =>
    manifests.reduce((sum, manifest) => sum + manifest[key], 0);
  const loaded = total('written');
  const rows = {
    records: loaded,
    checksum: addChecksums(manifests.map(({ checksum }) => checksum)),
    shards: numbers,
    digests: numbers.map((number) => keys.digests(plan.run, schema, number)),
    repaired: [],
  };
  const account = { loaded, rejected: total('rejected'), vanished: total('vanished') };
  return inspect(context, { plan, collection, ...account, read: numbers, rows }, schema);
}

/** The collections with the layouts that their tables have, whatever the plan says. @throws VerificationFailed */
async function withLiveLayouts(
  database: Database,
  collections: readonly CollectionPlan[],
): Promise<CollectionPlan[]> {
  const layouts = await database.withClient('verify', (client) => liveLayouts(client, collections));
  const missing = collections.filter(({ schema }) => !layouts.has(schema));
  if (missing.length === 0)
    return collections.map((one) => ({ ...one, layout: layouts.get(one.schema) as LayoutName }));
  const named = missing
    .slice(0, NAMED)
    .map(({ collection, schema }) => `"${collection}" (schema "${schema}")`);
  const more = missing.length > NAMED ? ` and ${missing.length - NAMED} more` : '';
  throw new VerificationFailed(
    `${database.where} has no tables of ${named.join(', ')}${more}: migrate them first, name others with --collections, or the schema with --schema.`,
  );
}

async function verifyOne(
  context: VerifyLiveContext,
  plan: Plan,
  collection: CollectionPlan,
  shards: readonly ShardItem[],
): Promise<Verification> {
  const { schema } = collection;
  const { checksum, ...account } = await digestShards(context, shards, schema);
  await sampleSearches(context, { run: plan.run, schema, collection: collection.collection });
  const numbers = shards.map(({ number }) => number);
  const rows = {
    records: account.loaded,
    checksum,
    shards: numbers,
    digests: numbers.map((number) => keys.digests(plan.run, schema, number)),
    repaired: [],
  };
  return inspect(context, { plan, collection, ...account, read: numbers, rows }, schema);
}

/** What Chroma holds of a collection, counted and digested as a migration does it. */
export interface SourceSum extends RecordAccount {
  checksum: string;
}

/**
 * Reads all shards of a collection and keeps nothing of them but their digests.
 * @param live schema whose tables say which records are held repaired
 */
export async function digestShards(
  context: VerifyLiveContext,
  shards: readonly ShardItem[],
  live: string,
): Promise<SourceSum> {
  const repairs = await context.database.withKeptClient('verify', (client) => liveRepairs(client, live));
  const sums = await pMap(shards, (shard) => digestShard(context, shard, repairs), { concurrency: 2 });
  const total = (key: 'read' | 'rejected' | 'vanished') => sums.reduce((sum, shard) => sum + shard[key], 0);
  return {
    loaded: total('read') - total('rejected'),
    rejected: total('rejected'),
    vanished: total('vanished'),
    checksum: addChecksums(sums.map((sum) => sum.checksum)),
  };
}

/**
 * Reads a shard and keeps nothing of it but its digests.
 * @param repairs row ids of the records that the tables hold repaired
 */
async function digestShard(
  { chroma, store, log }: VerifyLiveContext,
  shard: ShardItem,
  repairs: ReadonlySet<string>,
): Promise<ShardSum> {
  const reader = new ShardReader(chroma, shard, await readShardIds(store, shard));
  const encoder = new ShardEncoder(shard, 'digests');
  const { schema, number } = shard;
  let read = 0;
  let rejected = 0;
  const ticker = new Ticker(() =>
    reportProgress(log, { phase: 'export', schema, shard: number, records: read }),
  );
  const digests = async function* () {
    for await (const page of reader.pages()) {
      const encoded = encoder.encode(page, shard.offset + read);
      read += page.length;
      const digests = [encoded.digests, ...repairedDigests(encoder, shard, encoded.rejects, repairs)];
      rejected += encoded.rejects.length + 1 - digests.length;
      ticker.tick();
      yield* digests;
    }
  };
  await store.write(keys.digests(shard.run, schema, number), Readable.from(digests()));
  return {
    read,
    rejected,
    vanished: reader.vanished.length,
    checksum: encoder.checksum().toString(),
  };
}

/** Digests of the rejects that the tables hold repaired. */
function repairedDigests(
  encoder: ShardEncoder,
  { collectionId }: ShardItem,
  rejects: readonly Reject[],
  repairs: ReadonlySet<string>,
): Buffer[] {
  if (repairs.size === 0) return [];
  return rejects.flatMap(({ record, offset }) => {
    const repaired = repairRecord(record, collectionId);
    if (!repaired || !repairs.has(uuidText(repaired.rowId))) return [];
    return [encoder.encode(scanLines(Buffer.from(repaired.json)), offset).digests];
  });
}
