import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { CollectionPlan, SampledSearches } from '../../src/contract.ts';
import { compareSearches } from '../../src/verify/compare-searches.ts';
import { distancesDiffer } from '../../src/verify/exact-searches.ts';
import {
  collectionPlan,
  index,
  load,
  planOf,
  prepare,
  startTarget,
  type TestTarget,
} from '../postgres/target-run.ts';

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

type Query = SampledSearches['queries'][number];

/** Compares the incoming tables of a collection with what Chroma is made to have answered. */
const compare = (collection: CollectionPlan, queries: Query[], efSearch = 100) =>
  target.database.withClient('test', (client) =>
    compareSearches(
      client,
      { schema: `${collection.schema}__incoming`, collection, efSearch },
      { schema: collection.schema, records: collection.records, dimension: collection.dimension, queries },
    ),
  );

async function holding(collection: CollectionPlan, vectors: string[]): Promise<void> {
  await prepare(target, planOf(`run-${collection.schema}`, [collection]));
  const schema = `${collection.schema}__incoming`;
  for (const [at, vector] of vectors.entries()) {
    const id = `00000000-0000-4000-8000-00000000000${at}`;
    await target.rows(`insert into ${schema}.documents (id, source_id) values ($1, $2)`, [
      id,
      `record ${at}`,
    ]);
    await target.rows(`insert into ${schema}.embeddings (id, document_id, embedding) values ($1, $1, $2)`, [
      ...[id, vector],
    ]);
  }
}

const query = (embedding: number[], distances: (number | null)[]): Query => ({
  ...{ id: 'record 0', embedding, distances, milliseconds: 1 },
  ids: distances.map((_, at) => `record ${at}`),
});

test('inner products of long vectors may be as far from Chroma’s as float32 rounds, and no further', async () => {
  const collection = collectionPlan({ schema: 'long', space: 'ip' });
  await holding(collection, ['[1000,0,0,0]', '[0,1000,0,0]']);
  const difference = async (orthogonal: number) =>
    (await compare(collection, [query([1000, 0, 0, 0], [1 - 1e6, orthogonal])])).largestDistanceDifference;
  // Products of 10^6 are summed up: a half of the last place of a float32 is 0.03 there.
  assert.equal(distancesDiffer(await difference(1.06), 4), false);
  assert.equal(distancesDiffer(await difference(100), 4), true);
});

test('short distances under l2 are compared by their own size, and ties by theirs', async () => {
  const collection = collectionPlan({ schema: 'short', space: 'l2' });
  await holding(collection, ['[1e-6,0,0,0]', '[2e-6,0,0,0]', '[4e-6,0,0,0]']);
  const difference = async (second: number) =>
    (await compare(collection, [query([1e-6, 0, 0, 0], [0, second])])).largestDistanceDifference;
  assert.equal(distancesDiffer(await difference(1.0000005e-12), 4), false);
  assert.equal(distancesDiffer(await difference(1.00001e-12), 4), true);
  assert.equal(distancesDiffer(1.1e-6, 4), true);
  assert.equal(distancesDiffer(1.1e-6, 4096), false);
});

test('a distance that is no number hides none that differs', async () => {
  const collection = collectionPlan({ schema: 'zero', space: 'cosine' });
  await holding(collection, ['[1,0,0,0]', '[0,1,0,0]', '[0,0,0,0]']);
  const { largestDistanceDifference } = await compare(collection, [query([1, 0, 0, 0], [0, 0.5, 1])]);
  assert.equal(largestDistanceDifference, 0.5);
});

test('a table that the planner rightly reads whole is no failure of its index, and an index that no search can use is', async () => {
  const collection = collectionPlan({ schema: 'small', dimension: 3, records: 500 });
  const plan = planOf('run-small', [collection]);
  await prepare(target, plan);
  await load(target, collection);
  await index(target, plan);
  await target.rows('analyze small__incoming.embeddings');
  const used = async () => (await compare(collection, [query([0.1, 0.2, 0.3], [0])], 1000)).indexUsed;
  assert.notEqual(await used(), false);
  await target.rows('drop index small__incoming.idx_embeddings_vector');
  await target.rows(
    'create index idx_embeddings_vector on small__incoming.embeddings using hnsw (embedding vector_ip_ops)',
  );
  assert.equal(await used(), false);
});
