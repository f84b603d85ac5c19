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
 * The plans of both search functions with the query as a literal, and as the parameter of a statement that was
 * executed often enough for the server to have settled on a plan (after five, PostgreSQL: "PREPARE").
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

for (const { name, dimension, space, method, recall } of [
  { name: 'vector_l2', dimension: 32, space: 'l2', method: 'hnsw', recall: 0.95 },
  { name: 'vector_cosine', dimension: 32, space: 'cosine', method: 'hnsw', recall: 0.95 },
  { name: 'vector_ip', dimension: 32, space: 'ip', method: 'hnsw', recall: 0.8 },
  { name: 'vector_ivfflat', dimension: 32, space: 'cosine', method: 'ivfflat', recall: 0.95 },
] satisfies { name: string; dimension: number; space: Space; method: 'hnsw' | 'ivfflat'; recall: number }[])
  test(`${name}: both searches use the index, for a literal and for a parameter`, async () => {
    const { schema } = await indexed({ schema: name, dimension, space, indexMethod: method });
    for (const [how, plan] of Object.entries(await searchPlans(schema)))
      assert.ok(plan.includes('Index Scan using idx_embeddings_vector'), `${how}:\n${plan}`);
    const operator = { l2: '<->', cosine: '<=>', ip: '<#>' }[space];
    const found = await recallAt10(schema, operator);
    assert.ok(found >= recall, `recall@10 ${found}`);
  });

for (const { name, dimension, type, rows, space } of [
  { name: 'most_vector', dimension: 2000, type: 'vector_cosine_ops', rows: 2500, space: 'cosine' },
  { name: 'least_halfvec', dimension: 2001, type: 'halfvec_cosine_ops', rows: 2500, space: 'cosine' },
  { name: 'most_halfvec', dimension: 4000, type: 'halfvec_l2_ops', rows: 2500, space: 'l2' },
  { name: 'least_bit', dimension: 4001, type: 'bit_hamming_ops', rows: 2500, space: 'cosine' },
] satisfies { name: string; dimension: number; type: string; rows: number; space: Space }[])
  test(`${dimension} dimensions are indexed by ${type}, and the nearest are ranked by the full vectors`, async () => {
    const { schema } = await indexed({
      ...{ schema: name, dimension, space, records: rows },
      hnsw: { m: 4, efConstruction: 8, efSearch: 100 },
    });
    const [definition] = await target.rows<{ indexdef: string }>(
      `select indexdef from pg_indexes where schemaname = '${schema}' and indexname = 'idx_embeddings_vector'`,
    );
    assert.match(definition!.indexdef, new RegExp(`USING hnsw .*${type}`));
    for (const [how, plan] of Object.entries(await searchPlans(schema)))
      assert.ok(plan.includes('Index Scan using idx_embeddings_vector'), `${how}:\n${plan}`);
    const nearest = await target.rows<{ source_id: string; distance: number }>(
      `select source_id, distance from ${schema}.search_nearest((select embedding from ${schema}.embeddings where id = md5('7')::uuid), 5)`,
    );
    assert.equal(nearest[0]!.source_id, 'record 7');
    assert.ok(Math.abs(nearest[0]!.distance) < 1e-6);
    const distances = nearest.map(({ distance }) => distance);
    assert.deepEqual(
      distances,
      [...distances].sort((a, b) => a - b),
    );
  });
