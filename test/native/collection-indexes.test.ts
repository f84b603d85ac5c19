import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type pg from 'pg';
import type { CollectionPlan, Space } from '../../src/contract.ts';
import {
  collectionPlan,
  index,
  load,
  planOf,
  prepare,
  startTarget,
  type TestTarget,
} from '../postgres/target-run.ts';

/** Rows enough for the planner to want the index. */
const ROWS = 5000;

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

async function indexed(
  different: Partial<CollectionPlan>,
): Promise<{ schema: string; collection: CollectionPlan }> {
  const collection = collectionPlan({ records: ROWS, ...different });
  const plan = planOf(`run-${collection.schema}`, [collection]);
  await prepare(target, plan);
  await load(target, collection);
  assert.equal((await index(target, plan)).state, 'valid');
  const schema = `${collection.schema}__incoming`;
  await target.rows(`analyze ${schema}.documents, ${schema}.embeddings`);
  return { schema, collection };
}

/** Each line cut short: a vector's literal fills a page. */
const planText = async (client: pg.Client, query: string) =>
  (await client.query<{ 'QUERY PLAN': string }>(query)).rows
    .map((row) => row['QUERY PLAN'].slice(0, 160))
    .join('\n');

/**
 * The plans of both search functions with the query as a literal, as the parameter of a statement that was executed
 * often enough for the server to have settled on a plan (after five, PostgreSQL: "PREPARE"), and as a column of a record
 * to which they are joined.
 */
async function searchPlans(schema: string): Promise<Record<string, string>> {
  return target.database.withClient('test', async (client) => {
    const plans: Record<string, string> = {};
    const [{ query }] = (
      await client.query<{ query: string }>(
        `select embedding::text as query from ${schema}.embeddings limit 1`,
      )
    ).rows as [{ query: string }];
    for (const name of ['search_similar', 'search_nearest']) {
      plans[`${name} by literal`] = await planText(
        client,
        `explain select * from ${schema}.${name}('${query}'::vector, 10)`,
      );
      await client.query(`prepare ${name} (vector, integer) as select * from ${schema}.${name}($1, $2)`);
      for (let n = 0; n < 10; n++) await client.query(`execute ${name} ('${query}', 10)`);
      plans[`${name} by parameter`] = await planText(client, `explain execute ${name} ('${query}', 10)`);
      plans[`${name} by a stored record`] = await planText(
        client,
        `explain select s.* from ${schema}.embeddings e, ${schema}.${name}(e.embedding, 10) s where e.id = md5('7')::uuid`,
      );
    }
    return plans;
  });
}

/** Share of the exact ten nearest that the function finds, over twenty queries. */
async function recallAt10(schema: string, operator: string): Promise<number> {
  return target.database.withClient('test', async (client) => {
    await client.query(`select '[1]'::vector`);
    await client.query('set hnsw.ef_search = 400; set ivfflat.probes = 5');
    const { rows } = await client.query<{ id: string; query: string }>(
      `select id, embedding::text as query from ${schema}.embeddings order by id limit 20`,
    );
    let hits = 0;
    for (const { query } of rows) {
      const found = await client.query<{ source_id: string }>(
        `select source_id from ${schema}.search_nearest($1, 10)`,
        [query],
      );
      // "+ 0" is no index's expression: this reads every row.
      const exact = await client.query<{ source_id: string }>(
        `select source_id from ${schema}.embeddings e join ${schema}.documents d on d.id = e.document_id
          order by (e.embedding ${operator} $1) + 0 limit 10`,
        [query],
      );
      const truth = new Set(exact.rows.map(({ source_id }) => source_id));
      hits += found.rows.filter(({ source_id }) => truth.has(source_id)).length;
    }
    return hits / (10 * rows.length);
  });
}

/**
 * Share of forty records that a search for their own vectors names first, at distance 0; what else it finds follows
 * by distance. Random vectors of so many dimensions are all nearly as far from each other, and an index misses
 * some of them: which, and how many, differs from build to build.
 */
async function foundThemselves(schema: string): Promise<number> {
  const asked = Array.from({ length: 40 }, (_, n) => n * 50 + 7);
  let themselves = 0;
  for (const n of asked) {
    const nearest = await target.rows<{ source_id: string; distance: number }>(
      `select s.source_id, s.distance from ${schema}.embeddings e, ${schema}.search_nearest(e.embedding, 5) s
        where e.id = md5('${n}')::uuid`,
    );
    const distances = nearest.map(({ distance }) => distance);
    assert.deepEqual(
      distances,
      [...distances].sort((a, b) => a - b),
    );
    if (nearest[0]?.source_id === `record ${n}` && Math.abs(nearest[0].distance) < 1e-6) themselves += 1;
  }
  return themselves / asked.length;
}

for (const { name, dimension, space, method, recall } of [
  { name: 'vector_l2', dimension: 32, space: 'l2', method: 'hnsw', recall: 0.95 },
  { name: 'vector_cosine', dimension: 32, space: 'cosine', method: 'hnsw', recall: 0.95 },
  { name: 'vector_ip', dimension: 32, space: 'ip', method: 'hnsw', recall: 0.8 },
  { name: 'vector_ivfflat', dimension: 32, space: 'cosine', method: 'ivfflat', recall: 0.95 },
] satisfies { name: string; dimension: number; space: Space; method: 'hnsw' | 'ivfflat'; recall: number }[])
  test(`${name}: both searches use the index, for a literal, a parameter and a stored record`, async () => {
    const { schema } = await indexed({ schema: name, dimension, space, indexMethod: method });
    for (const [how, plan] of Object.entries(await searchPlans(schema)))
      assert.ok(plan.includes('Index Scan using idx_embeddings_vector'), `${how}:\n${plan}`);
    const operator = { l2: '<->', cosine: '<=>', ip: '<#>' }[space];
    const found = await recallAt10(schema, operator);
    assert.ok(found >= recall, `recall@10 ${found}`);
  });

for (const { name, dimension, type, space } of [
  { name: 'most_vector', dimension: 2000, type: 'vector_cosine_ops', space: 'cosine' },
  { name: 'least_halfvec', dimension: 2001, type: 'halfvec_cosine_ops', space: 'cosine' },
  { name: 'most_halfvec', dimension: 4000, type: 'halfvec_l2_ops', space: 'l2' },
  { name: 'least_bit', dimension: 4001, type: 'bit_hamming_ops', space: 'cosine' },
] satisfies { name: string; dimension: number; type: string; space: Space }[])
  test(`${dimension} dimensions are indexed by ${type}, and the nearest are ranked by the full vectors`, async () => {
    const { schema } = await indexed({
      ...{ schema: name, dimension, space },
      hnsw: { m: 16, efConstruction: 40, efSearch: 100 },
    });
    const [definition] = await target.rows<{ indexdef: string }>(
      `select indexdef from pg_indexes where schemaname = '${schema}' and indexname = 'idx_embeddings_vector'`,
    );
    assert.match(definition!.indexdef, new RegExp(`USING hnsw .*${type}`));
    for (const [how, plan] of Object.entries(await searchPlans(schema)))
      assert.ok(plan.includes('Index Scan using idx_embeddings_vector'), `${how}:\n${plan}`);
    const found = await foundThemselves(schema);
    assert.ok(found >= 0.5, `${found} of the records were found by their own vectors`);
  });
