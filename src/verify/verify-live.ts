import { Readable } from 'node:stream';
import pMap from 'p-map';
import type { ChromaSource } from '../chroma/chroma-source.ts';
import type { CollectionPlan, Plan, ShardItem } from '../contract.ts';
import { addChecksums } from '../copy/digest.ts';
import { ShardEncoder } from '../copy/shard-encoder.ts';
import { type Log, reportProgress } from '../log.ts';
import type { Database } from '../postgres/database.ts';
import { checkUnchanged } from '../shard/export-shard.ts';
import { idAt, pagesInOrder } from '../shard/pages.ts';
import { Ticker } from '../shard/ticker.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import { sampleSearches } from './sample-searches.ts';
import type { Verification } from './verification.ts';
import { inspect } from './verify-collection.ts';

export interface VerifyLiveContext {
  chroma: ChromaSource;
  database: Database;
  /** A store for digests and samples; it may be thrown away afterwards. */
  store: ShardStore;
  log: Log;
}

/** What one shard's records come to. */
interface ShardSum {
  number: number;
  read: number;
  rejected: number;
  checksum: string;
}

/**
 * Verifies the live tables at any later time: reads every record of Chroma again and compares it with what
 * the tables hold now. Needs neither the run's store nor its ledger, and changes nothing on either side.
 *
 * @param plan a fresh plan of the source, already in `store` with its shards
 */
export async function verifyLive(
  context: VerifyLiveContext,
  plan: Plan,
  shards: readonly ShardItem[],
): Promise<Verification[]> {
  return pMap(plan.collections, (collection) => verifyOne(context, plan, collection, shards), {
    concurrency: 2,
  });
}

async function verifyOne(
  context: VerifyLiveContext,
  plan: Plan,
  collection: CollectionPlan,
  allShards: readonly ShardItem[],
): Promise<Verification> {
  const { schema } = collection;
  const shards = allShards.filter((shard) => shard.schema === schema);
  const sums = await pMap(shards, (shard) => digestShard(context, shard), { concurrency: 2 });
  await sampleSearches(context, { run: plan.run, schema });
  const rejected = sums.reduce((sum, shard) => sum + shard.rejected, 0);
  const read = sums.reduce((sum, shard) => sum + shard.read, 0);
  const checksum = addChecksums(sums.map((sum) => sum.checksum));
  const numbers = sums.map(({ number }) => number);
  return inspect(
    context,
    { plan, collection, loaded: read - rejected, rejected, checksum, shards: numbers },
    schema,
  );
}

/** Reads a shard and keeps nothing of it but its digests. */
async function digestShard({ chroma, store, log }: VerifyLiveContext, shard: ShardItem): Promise<ShardSum> {
  const encoder = new ShardEncoder(shard.collectionId, shard.dimension, 'digests');
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
      rejected += encoded.rejects.length;
      ticker.tick();
      yield encoded.digests;
    }
    checkUnchanged(shard, read, firstId, lastId);
  };
  await store.write(keys.digests(shard.run, schema, number), Readable.from(digests()));
  return { number, read, rejected, checksum: encoder.checksum().toString() };
}
