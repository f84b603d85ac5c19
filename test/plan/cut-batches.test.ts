/** Which shards and collections share a child of the maps. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ShardItem } from '../../src/contract.ts';
import { batchesOfCollections, batchesOfShards } from '../../src/plan/cut-batches.ts';
import { samplePlan } from '../tune/sample-plan.ts';

const shard = (collection: number, records: number, name = `user-${collection}`): ShardItem => ({
  ...{ run: 'r', tenant: 't', database: 'd', collection: name, schema: `user_${collection}` },
  ...{ collectionId: '6d1b6a8e-3f59-4d5f-9c5b-0a6a5d0e5a11', dimension: 1536, number: 0, offset: 0, records },
  ...{ content: 'rows', idsHash: 'c'.repeat(64), byIds: false, format: 'pgcopy', layout: 'guide' },
  pageSize: 200,
});
const shards = (count: number, records: number, name?: string) =>
  Array.from({ length: count }, (_, at) => shard(at, records, name));

describe('batches', () => {
  it('of ten thousand collections of 50 records are some hundred, and each payload is far from 256 KiB', () => {
    const batches = batchesOfShards(shards(10_000, 50), 8);
    assert.ok(batches.length >= 100 && batches.length <= 200, `${batches.length}`);
    for (const batch of batches) assert.ok(JSON.stringify(batch).length < 256 * 1024 * 0.6);
  });

  it('hold every shard once, in the order of the plan', () => {
    const all = [...shards(500, 50), ...shards(3, 11_000), ...shards(500, 50)];
    assert.deepEqual(
      batchesOfShards(all, 2).flatMap(({ items }) => items),
      all,
    );
  });

  it('leave a large shard alone', () => {
    const all = [...shards(100, 50), shard(7, 11_000), ...shards(100, 50)];
    const ofLarge = batchesOfShards(all, 1).filter(({ items }) => items.some(({ records }) => records > 50));
    assert.deepEqual(ofLarge, [{ items: [shard(7, 11_000)] }]);
  });

  it('leave nobody idle: as many children as run at a time have several each', () => {
    assert.equal(batchesOfShards(shards(8, 50), 8).length, 8);
    assert.equal(batchesOfShards(shards(120, 50), 8).length, 30);
  });

  it('are smaller where the names are long', () => {
    const long = '𝄞'.repeat(512);
    const all = shards(1_000, 50, long).map((one) => ({ ...one, tenant: long, database: long }));
    for (const batch of batchesOfShards(all, 1))
      assert.ok(Buffer.byteLength(JSON.stringify(batch)) <= 129 * 1024);
  });

  it('of collections are cut by what they take in the store', () => {
    const plan = samplePlan('x');
    const [one] = plan.collections;
    const sized = (schema: string, bytes: number) => ({ ...one!, schema, collection: schema, bytes });
    const small = Array.from({ length: 1_000 }, (_, at) => sized(`user_${at}`, 20_000));
    const batches = batchesOfCollections({ ...plan, collections: [...small, sized('large', 1e9)] }, 8);
    assert.deepEqual(batches.at(-1), { items: [{ run: plan.run, schema: 'large', collection: 'large' }] });
    assert.equal(batches.flatMap(({ items }) => items).length, 1_001);
    assert.ok(batches.length < 60, `${batches.length}`);
  });
});
