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
import { checkUnchanged } from '../shard/export-shard.ts';
import { idAt, pagesInOrder } from '../shard/pages.ts';
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
  number: number;
  read: number;
  rejected: number;
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
  return pMap(collections, (collection) => verifyOne(context, plan, collection, shards), {
    concurrency: 2,
  });
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
  allShards: readonly ShardItem[],
): Promise<Verification> {
  const { schema } = collection;
  const shards = allShards.filter((shard) => shard.schema === schema);
  const repairs = await context.database.withClient('verify', (client) => liveRepairs(client, schema));
  const sums = await pMap(shards, (shard) => digestShard(context, shard, repairs), { concurrency: 2 });
  await sampleSearches(context, { run: plan.run, schema });
  const rejected = sums.reduce((sum, shard) => sum + shard.rejected, 0);
  const read = sums.reduce((sum, shard) => sum + shard.read, 0);
  const checksum = addChecksums(sums.map((sum) => sum.checksum));
  const numbers = sums.map(({ number }) => number);
  return inspect(
    context,
    { plan, collection, loaded: read - rejected, rejected, checksum, shards: numbers, repaired: [] },
    schema,
  );
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
  const encoder = new ShardEncoder(shard, 'digests');
  const { schema, number } = shard;
  let read = 0;
  let rejected = 0;
  const ticker = new Ticker(() =>
    reportProgress(log, { phase: 'export', schema, shard: number, records: read }),
  );
  const digests = async function* () {
    let firstId: string | null = null;
    let lastId: string | null = null;
    for await (const page of pagesInOrder(chroma, shard)) {
      if (page.length > 0) {
        firstId ??= idAt(page, 0);
        lastId = idAt(page, page.length - 1);
      }
      const encoded = encoder.encode(page, shard.offset + read);
      read += page.length;
      const digests = [encoded.digests, ...repairedDigests(encoder, shard, encoded.rejects, repairs)];
      rejected += encoded.rejects.length + 1 - digests.length;
      ticker.tick();
      yield* digests;
    }
    checkUnchanged(shard, read, firstId, lastId);
  };
  await store.write(keys.digests(shard.run, schema, number), Readable.from(digests()));
  return { number, read, rejected, checksum: encoder.checksum().toString() };
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
