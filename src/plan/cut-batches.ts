/** The lists that the maps go through: small shards and collections share a child, large ones have one each. */
import type { Batch, CollectionItem, Plan, ShardItem } from '../contract.ts';

/**
 * Most of one batch. A collection of 50 records takes some 0.1 to 0.4 s in each step, over a network as well, so that a
 * hundred are far from a function's 15 minutes, and ten thousand need a hundred children.
 */
const MOST_ITEMS = 100;
/** Of JSON, which is a child's input: 256 KiB are allowed, and names of 512 characters take some 5 KB an item. */
const MOST_JSON_BYTES = 128 * 1024;
/** Requests to Chroma, of some 4 MB of answer each: a third of a large shard's. */
const MOST_PAGES = 16;
/** Bytes of a batch of collections in the store: indexed in a second or two. */
const MOST_COLLECTION_BYTES = 8 * 1024 * 1024;
/** Batches for each child that runs at a time: the last to end are not waited for long. */
const BATCHES_A_CHILD = 4;

/** @param concurrency children that run at a time */
export const batchesOfShards = (shards: readonly ShardItem[], concurrency: number): Batch<ShardItem>[] =>
  cutBatches(shards, concurrency, (shard) => shard.records / shard.pageSize / MOST_PAGES);

/** @param concurrency children that run at a time */
export function batchesOfCollections(
  { run, collections }: Pick<Plan, 'run' | 'collections'>,
  concurrency: number,
): Batch<CollectionItem>[] {
  const bytes = new Map(collections.map((one) => [one.schema, one.bytes]));
  const items = collections.map(({ schema, collection }): CollectionItem => ({ run, schema, collection }));
  const shareOf = ({ schema }: CollectionItem) => (bytes.get(schema) as number) / MOST_COLLECTION_BYTES;
  return cutBatches(items, concurrency, shareOf);
}

/**
 * Batches in the order of the items.
 * @param shareOf what an item takes of the room of a batch, 1 or more for one that is to be alone
 */
export function cutBatches<Item>(
  items: readonly Item[],
  concurrency: number,
  shareOf: (item: Item) => number,
): Batch<Item>[] {
  const most = Math.min(MOST_ITEMS, Math.ceil(items.length / (concurrency * BATCHES_A_CHILD)));
  const batches: Batch<Item>[] = [];
  let share = 0;
  let bytes = 0;
  for (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item));
    const last = batches.at(-1);
    share += shareOf(item);
    bytes += size;
    if (last && last.items.length < most && share <= 1 && bytes <= MOST_JSON_BYTES) last.items.push(item);
    else {
      batches.push({ items: [item] });
      share = shareOf(item);
      bytes = size;
    }
  }
  return batches;
}
