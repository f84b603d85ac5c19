import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Space } from '../../src/contract.ts';
import { planDdl } from '../../src/postgres/collection-schema.ts';
import { collectionPlan, index, planOf, prepare, startTarget, type TestTarget } from './target-run.ts';

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

const VECTORS: Record<string, number[]> = {
  near: [1, 0, 0, 0],
  far: [0, 3, 4, 0],
  opposite: [-1, 0, 0, 0],
  middle: [0.8, 0.6, 0, 0],
};
const QUERY = [1, 0, 0, 0];

async function searched(space: Space) {
  const plan = planOf(space, [collectionPlan({ schema: space, space })]);
  await prepare(target, plan);
  for (const [name, vector] of Object.entries(VECTORS)) {
    await target.rows(
      `insert into ${space}__incoming.documents (id, source_id, content, file_path) values (md5($1)::uuid, $1, 'text of ' || $1, $1 || '.md')`,
      [name],
    );
    await target.rows(
      `insert into ${space}__incoming.embeddings (id, document_id, embedding) values (md5($1)::uuid, md5($1)::uuid, $2)`,
      [name, `[${vector.join(',')}]`],
    );
  }
  await index(target, plan);
  return `${space}__incoming`;
}

const dot = (a: number[], b: number[]) => a.reduce((sum, value, at) => sum + value * b[at]!, 0);
const length = (vector: number[]) => Math.sqrt(dot(vector, vector));

/** As Chroma's documentation defines them: l2 is squared, ip is 1 − dot. */
const CHROMA: Record<Space, (a: number[], b: number[]) => number> = {
  l2: (a, b) => dot(a, a) + dot(b, b) - 2 * dot(a, b),
  cosine: (a, b) => 1 - dot(a, b) / (length(a) * length(b)),
  ip: (a, b) => 1 - dot(a, b),
};
const SIMILARITY: Record<Space, (a: number[], b: number[]) => number> = {
  l2: (a, b) => 1 / (1 + CHROMA.l2(a, b)),
  cosine: (a, b) => 1 - CHROMA.cosine(a, b),
  ip: (a, b) => dot(a, b),
};

const close = (a: number, b: number) => Math.abs(a - b) < 1e-6;

for (const space of ['l2', 'cosine', 'ip'] as const)
  test(`${space}: search_nearest gives Chroma's own distances, nearest first, and search_similar the guide's columns`, async () => {
    const schema = await searched(space);
    const nearest = await target.rows<{ source_id: string; distance: number }>(
      `select source_id, distance from ${schema}.search_nearest('[${QUERY}]')`,
    );
    const expected = Object.entries(VECTORS)
      .map(([name, vector]) => ({ name, distance: CHROMA[space](vector, QUERY) }))
      .sort((a, b) => a.distance - b.distance);
    assert.deepEqual(
      nearest.map(({ source_id }) => source_id),
      expected.map(({ name }) => name),
    );
    for (const [at, { distance }] of nearest.entries())
      assert.ok(close(distance, expected[at]!.distance), `${distance}`);

    const similar = await target.rows<{
      document_id: string;
      file_path: string;
      content: string;
      similarity: number;
    }>(`select * from ${schema}.search_similar('[${QUERY}]', 10, '-infinity')`);
    assert.deepEqual(Object.keys(similar[0]!), ['document_id', 'file_path', 'content', 'similarity']);
    assert.deepEqual(
      similar.map(({ file_path }) => file_path),
      expected.map(({ name }) => `${name}.md`),
    );
    for (const { file_path, similarity } of similar) {
      const vector = VECTORS[file_path.replace('.md', '')]!;
      assert.ok(close(similarity, SIMILARITY[space](vector, QUERY)), `${file_path} ${similarity}`);
    }
    assert.equal((await target.rows(`select from ${schema}.search_nearest('[${QUERY}]', 2)`)).length, 2);
  });

test('by default search_similar leaves out what is not similar: under 0.7 for cosine, as in the guide', async () => {
  const found = async (schema: string) =>
    (await target.rows<{ file_path: string }>(`select file_path from ${schema}.search_similar('[${QUERY}]')`))
      .length;
  assert.deepEqual(
    [await found('cosine__incoming'), await found('l2__incoming'), await found('ip__incoming')],
    [2, 4, 4],
  );
});

test('the DDL that a plan shows can be run as it stands, whatever the names hold', async () => {
  const collections = [
    collectionPlan({ schema: 'shown', space: 'cosine', model: "o'model", collection: 'a "quoted" name' }),
    collectionPlan({ schema: 'Wide-Schema', dimension: 3000, indexMethod: 'ivfflat', records: 4_000_000 }),
    collectionPlan({ schema: 'widest', dimension: 9000 }),
    collectionPlan({ schema: 'empty', dimension: null, records: 0 }),
  ];
  const ddl = planDdl(planOf('run', collections));
  await target.rows(ddl);
  const made = await target.rows<{ schema: string; index: string }>(
    `select schemaname as schema, indexdef as index from pg_indexes where indexname = 'idx_embeddings_vector'
      and schemaname in ('shown', 'Wide-Schema', 'widest', 'empty') order by 1`,
  );
  assert.match(made.find(({ schema }) => schema === 'Wide-Schema')!.index, /ivfflat .*halfvec.*lists='2000'/);
  assert.deepEqual(made.map(({ schema }) => schema).sort(), ['Wide-Schema', 'shown', 'widest']);
  await target.rows(`insert into shown.documents (id, source_id) values (md5('1')::uuid, '1')`);
  const [model] = await target.rows(
    `insert into shown.embeddings (id, document_id, embedding) values (md5('1')::uuid, md5('1')::uuid, '[1,2,3,4]') returning model`,
  );
  assert.deepEqual(model, { model: "o'model" });
});
