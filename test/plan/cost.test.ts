/** What `plan` says a run on AWS takes and costs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from '../../lib/config.ts';
import type { CollectionPlan, ShardItem } from '../../src/contract.ts';
import {
  childrenOf,
  DEFAULT_DEPLOYMENT,
  type Deployment,
  databaseHourPrice,
  estimateRun,
  PRICES,
  type Prices,
} from '../../src/plan/cost.ts';
import { cutShards, pageSize, storedRecordBytes } from '../../src/plan/cut-shards.ts';
import { samplePlan } from '../tune/sample-plan.ts';

const SHARD_BYTES = 64 * 1024 ** 2;

/** One collection, cut as the plan would. */
function planOf(records: number, dimension: number): { collections: CollectionPlan[] } {
  const [collection] = samplePlan('x').collections as [CollectionPlan];
  const { profile } = collection;
  const shards = cutShards(records, dimension, profile, SHARD_BYTES).length;
  const bytes = records * storedRecordBytes(dimension, profile);
  return { collections: [{ ...collection, records, dimension, shards, bytes }] };
}

function shardsOf({ collection, schema, records, dimension, profile }: CollectionPlan): ShardItem[] {
  if (dimension === null) return [];
  return cutShards(records, dimension, profile, SHARD_BYTES).map((cut) => ({
    ...{ run: 'x', tenant: 'default_tenant', database: 'default_database', collection, schema, dimension },
    ...{ collectionId: '6a3f4c52-2e0b-4dd7-9a55-0d4f5f0f6a11', content: 'rows', idsHash: '', byIds: false },
    ...{ ...cut, format: 'pgcopy', layout: 'guide', pageSize: pageSize(dimension, profile) },
  }));
}

const childrenOfPlan = ({ collections }: { collections: CollectionPlan[] }, concurrency: number) =>
  childrenOf({ plan: { run: 'x', collections }, shards: collections.flatMap(shardsOf) }, concurrency);

const estimate = (
  plan: { collections: CollectionPlan[] },
  deployment: Deployment,
  prices: Partial<Prices> = {},
  buildSpeed = 1,
) => estimateRun(plan, childrenOfPlan(plan, deployment.concurrency), deployment, prices, buildSpeed);

const million = planOf(1_000_000, 1536);

describe('the estimate of a run on AWS', () => {
  it('adds up: the parts of the time, and those of the price', () => {
    for (const plan of [planOf(1, 3), million, planOf(100_000_000, 768)]) {
      const { seconds, dollars } = estimate(plan, DEFAULT_DEPLOYMENT);
      const { total, ...parts } = seconds;
      assert.ok(Math.abs(Object.values(parts).reduce((a, b) => a + b) - total) < 1e-6 * total);
      const { total: sum, ...costs } = dollars;
      const added = Object.values(costs).reduce((a: number, b) => a + (b ?? 0), 0);
      assert.ok(Math.abs(added - sum) < 1e-9 * sum);
      for (const part of [...Object.values(parts), ...Object.values(costs)]) assert.ok(part! >= 0);
    }
  });

  it('of a million records of 1,536 dimensions is what a person reckons by hand', () => {
    const { usage, seconds, dollars } = estimate(million, DEFAULT_DEPLOYMENT);
    const [{ shards, bytes }] = million.collections as [CollectionPlan];
    // Three transitions a shard, nine for the collection, 25 for the execution.
    assert.equal(usage.stateTransitions, 3 * shards + 9 + 25);
    // Four objects a shard, and a part for every 8 MiB.
    assert.ok(usage.s3Writes >= 4 * shards + bytes / 2 ** 23);
    // 19 GB of JSON at 150 MB a second is two minutes; the disk takes 14 GB at 125 more nearly.
    assert.ok(seconds.shards > (2 * bytes) / 125e6 && seconds.shards < 600, `${seconds.shards}`);
    assert.equal(usage.storeGbMonths, (bytes / 1e9) * 3);
    assert.ok(Math.abs(dollars.database! - (seconds.total / 3600) * 0.239) < 1e-9);
    assert.ok(dollars.total < 5, `${dollars.total}`);
  });

  it('of ten thousand small collections counts the children that share them, and what each of them takes', () => {
    const [small] = planOf(50, 32).collections as [CollectionPlan];
    const collections = Array.from({ length: 10_000 }, (_, at) => ({
      ...{ ...small, collection: `user-${at}`, schema: `user_${at}` },
    }));
    const children = childrenOfPlan({ collections }, DEFAULT_DEPLOYMENT.concurrency);
    // A hundred go through one child.
    assert.deepEqual(children, { shards: 100, collections: 100 });
    const { usage, seconds } = estimate({ collections }, DEFAULT_DEPLOYMENT);
    assert.equal(usage.stateTransitions, 25 + 3 * 100 + 9 * 100);
    assert.equal(usage.lambdaRequests, 2 * 100 + 4 * 100 + 10);
    // Objects are still those of each shard and each collection.
    assert.ok(usage.s3Writes >= 8 * 10_000);
    // It was 43 minutes on two cores (docs/scale.md): neither two nor two hundred.
    assert.ok(seconds.total > 15 * 60 && seconds.total < 60 * 60, `${seconds.total}`);
    const { seconds: one } = estimate({ collections: [small] }, DEFAULT_DEPLOYMENT);
    assert.ok(one.total < 65, `${one.total}`);
  });

  it('of a hundred million records stays within the week that an execution may last', () => {
    const large = { ...DEFAULT_DEPLOYMENT, instanceClass: 'r7g.16xlarge', storageGib: 4000, concurrency: 32 };
    const { seconds } = estimate(planOf(100_000_000, 1536), large);
    assert.ok(seconds.total > 3600 && seconds.total < 7 * 24 * 3600, `${seconds.total}`);
  });

  it('takes no less time for more records, and no more with more at a time', () => {
    let before = 0;
    for (let records = 1; records <= 1e9; records *= 10) {
      const { total } = estimate(planOf(records, 384), DEFAULT_DEPLOYMENT).seconds;
      assert.ok(total >= before);
      before = total;
    }
    before = Number.POSITIVE_INFINITY;
    for (const concurrency of [1, 2, 4, 8, 64, 1000]) {
      const { shards } = estimate(million, { ...DEFAULT_DEPLOYMENT, concurrency }).seconds;
      assert.ok(shards <= before * (1 + 1e-9), `${concurrency}: ${shards}`);
      before = shards;
    }
  });

  it('takes other prices, each by its name', () => {
    for (const name of Object.keys(PRICES) as (keyof typeof PRICES)[]) {
      const price = (usd: number) => estimate(million, DEFAULT_DEPLOYMENT, { [name]: usd });
      const [none, one] = [price(0), price(1)];
      const of = ({ dollars, databaseMonth }: typeof one) => dollars.total + databaseMonth!;
      assert.ok(of(one) > of(none), name);
    }
  });

  it('knows what an instance costs by its size, and says so where it does not', () => {
    assert.equal(databaseHourPrice('r7g.large'), 0.239);
    assert.equal(databaseHourPrice('r7g.xlarge'), 2 * 0.239);
    assert.equal(databaseHourPrice('r7g.16xlarge'), 32 * 0.239);
    assert.equal(databaseHourPrice('t4g.medium'), 0.129 / 2);
    const unknown = estimate(million, { ...DEFAULT_DEPLOYMENT, instanceClass: 'z9z.large' });
    assert.equal(unknown.dollars.database, null);
    assert.match(unknown.notes.join(), /z9z\.large is not known.*--price databaseHour/);
  });

  it('counts both instances of Multi-AZ', () => {
    const { dollars, databaseMonth } = estimate(million, DEFAULT_DEPLOYMENT);
    const both = estimate(million, { ...DEFAULT_DEPLOYMENT, multiAz: true });
    assert.equal(both.dollars.database, 2 * dollars.database!);
    assert.equal(both.databaseMonth, 2 * databaseMonth!);
  });

  it('warns of a disk and of a memory that are too small', () => {
    const { notes } = estimate(planOf(20_000_000, 1536), DEFAULT_DEPLOYMENT);
    assert.match(notes.join('\n'), /needs about \d+ GiB, more than storageGib 100/);
    assert.match(notes.join('\n'), /more than a quarter of a r7g\.large's memory/);
    assert.deepEqual(estimate(planOf(1000, 384), DEFAULT_DEPLOYMENT).notes, []);
  });

  it('names the smallest instance on which an index does not spill, and says whether halfvec would do', () => {
    const notesOf = (records: number, instanceClass: string) =>
      estimate(planOf(records, 1536), { ...DEFAULT_DEPLOYMENT, instanceClass, storageGib: 4000 });
    const { notes, indexBuilds } = notesOf(1_000_000, 'r7g.large');
    assert.match(notes.join('\n'), /Deploy a r7g\.xlarge for the load.*halfvec would fit this one/);
    const [build] = indexBuilds;
    // A quarter of 16 GiB is 4 GiB; a row takes 6,152 bytes of vector and 772 of graph.
    assert.ok(Math.abs(build!.spillsAfter! - (4 * 2 ** 30) / 6924) < 2000, `${build!.spillsAfter}`);
    assert.equal(build!.smallestInstance, 'r7g.xlarge');
    assert.equal(build!.halfvecFits, true);
    // There it does fit.
    assert.deepEqual(notesOf(1_000_000, 'r7g.xlarge').notes, []);
    assert.equal(notesOf(1_000_000, 'r7g.xlarge').indexBuilds[0]!.spillsAfter, null);

    assert.match(
      notesOf(2_000_000, 'm7g.large').notes.join('\n'),
      /Deploy a m7g\.4xlarge.*halfvec would not fit this one either/,
    );
    assert.match(
      notesOf(20_000_000, 'r7g.large').notes.join('\n'),
      /No class that is known here holds it: split the collection/,
    );
  });

  it('lists what each HNSW index takes, the largest graph first, and none for other indexes', () => {
    const [one] = planOf(1000, 384).collections as [CollectionPlan];
    const collections = [
      { ...one, collection: 'small' },
      { ...one, collection: 'large', records: 100_000 },
      { ...one, collection: 'lists', indexMethod: 'ivfflat' as const },
      { ...one, collection: 'empty', dimension: null, records: 0 },
    ];
    const { indexBuilds, seconds } = estimate({ collections }, DEFAULT_DEPLOYMENT);
    assert.deepEqual(
      indexBuilds.map(({ collection }) => collection),
      ['large', 'small'],
    );
    const building = indexBuilds.reduce((sum, build) => sum + build.seconds, 0);
    const others = seconds.index - building;
    assert.ok(others > 0 && others < 1, `${others} s for the rest of four collections`);
    // Another processor, twice as fast.
    const fast = estimate({ collections }, DEFAULT_DEPLOYMENT, {}, 2);
    assert.ok(Math.abs(fast.seconds.index - others - building / 2) < 1e-9);
  });

  it('reckons with the stack’s own defaults', () => {
    const { instanceClass, storageGib, multiAz, concurrency, shardMemoryMb, storeRetentionDays } =
      parseConfig({});
    assert.deepEqual(DEFAULT_DEPLOYMENT, {
      ...{ instanceClass, storageGib, multiAz, concurrency, shardMemoryMb, storeRetentionDays },
    });
  });
});
