/** What searches are judged by: the very nearest of all rows, whatever an index finds. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Space } from '../../src/contract.ts';
import { exactAnswers } from '../../src/verify/exact-searches.ts';
import { collectionPlan, planOf, prepare, startTarget, type TestTarget } from '../postgres/target-run.ts';

/** More than those that are looked at first. */
const ROWS = 3000;
const DIMENSION = 4;
const NEIGHBOURS = 10;

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

/** Of no order, and the later ones nearer to the origin: the first rows are hardly among the nearest. */
const vectorAt = (row: number): number[] =>
  Array.from({ length: DIMENSION }, (_, part) => {
    const shuffled = Math.sin(row * 12.9898 + part * 78.233) * 43758.5453;
    return Math.fround((shuffled - Math.floor(shuffled) - 0.5) * (1 + (ROWS - row) / 100));
  });
const QUERIES = [[0.5, -0.25, 0.125, 0.75], vectorAt(ROWS - 1), vectorAt(0), [-3, 2, -1, 0.5]];

const dot = (a: number[], b: number[]) => a.reduce((sum, part, at) => sum + part * b[at]!, 0);
const DISTANCE: Record<Space, (a: number[], b: number[]) => number> = {
  l2: (a, b) => a.reduce((sum, part, at) => sum + (part - b[at]!) ** 2, 0),
  cosine: (a, b) => 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)),
  ip: (a, b) => 1 - dot(a, b),
};

async function filled(space: Space, rows: readonly number[]) {
  const collection = collectionPlan({ schema: `exact_${space}_${rows.length}`, space, dimension: DIMENSION });
  await prepare(target, planOf(`run-${collection.schema}`, [collection]));
  const schema = `${collection.schema}__incoming`;
  const given = 'from unnest($1::integer[], $2::text[]) given(n, vector)';
  const values = [rows, rows.map((row) => `[${vectorAt(row).join(',')}]`)];
  await target.rows(
    `insert into ${schema}.documents (id, source_id) select md5(n::text)::uuid, n ${given}`,
    values,
  );
  await target.rows(
    `insert into ${schema}.embeddings (id, document_id, embedding)
     select md5(n::text)::uuid, md5(n::text)::uuid, vector::vector ${given}`,
    values,
  );
  return { schema, collection };
}

const answered = (where: Awaited<ReturnType<typeof filled>>, records: number, queries = QUERIES) =>
  target.database.withClient('test', (client) =>
    exactAnswers(client, where, {
      records,
      queries: queries.map((embedding) => ({ id: '', embedding, ids: [], distances: [], milliseconds: 0 })),
    }),
  );

for (const space of ['l2', 'cosine', 'ip'] as const)
  test(`${space}: of each query the nearest of all rows come, by Chroma's distance`, async () => {
    const rows = Array.from({ length: ROWS }, (_, row) => row);
    const answers = await answered(await filled(space, rows), ROWS);
    assert.equal(answers.length, QUERIES.length);
    for (const [at, { ids, distances }] of answers.entries()) {
      const nearest = rows
        .map((row) => ({ id: String(row), distance: DISTANCE[space](vectorAt(row), QUERIES[at]!) }))
        .sort((a, b) => a.distance - b.distance)
        .slice(0, NEIGHBOURS);
      assert.deepEqual(
        ids,
        nearest.map(({ id }) => id),
      );
      for (const [place, { distance }] of nearest.entries())
        assert.ok(
          Math.abs(distance - distances[place]!) <= 1e-5 * Math.max(1, Math.abs(distance)),
          `${distance} and ${distances[place]}`,
        );
    }
  });

test('more searches than are answered in one pass are all answered, each by its own nearest', async () => {
  const rows = Array.from({ length: 100 }, (_, row) => row);
  const answers = await answered(await filled('l2', rows), rows.length, rows.map(vectorAt));
  assert.deepEqual(
    answers.map(({ ids }) => ids[0]),
    rows.map(String),
  );
});

test('a table of few rows is found whole, and an empty one without an error', async () => {
  const few = await answered(await filled('l2', [5, 6, 7]), 3);
  assert.deepEqual(
    few.map(({ ids }) => [...ids].sort()),
    QUERIES.map(() => ['5', '6', '7']),
  );
  assert.deepEqual(
    (await answered(await filled('l2', []), 0)).map(({ ids }) => ids),
    QUERIES.map(() => []),
  );
});

test('where all of them would take too long, fewer searches are answered, and one at least', async () => {
  const where = await filled(
    'cosine',
    Array.from({ length: 2000 }, (_, row) => row),
  );
  // So many records would be read for days.
  const answers = await answered(where, 1e12);
  assert.equal(answers.length, 1);
  assert.equal(answers[0]!.ids.length, NEIGHBOURS);
});
