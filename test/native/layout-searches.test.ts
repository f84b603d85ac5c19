/** The statements that the libraries send are answered through the indexes that the layouts bring. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { CollectionPlan } from '../../src/contract.ts';
import { silentLog } from '../../src/log.ts';
import { publish } from '../../src/publish/publish.ts';
import {
  collectionPlan,
  index,
  planOf,
  prepare,
  startTarget,
  type TestTarget,
  verified,
} from '../postgres/target-run.ts';

/** Rows enough for the planner to want the index. */
const ROWS = 5000;
const DIMENSION = 64;

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

/** Fills one table of texts, and publishes it. */
async function publishRows(
  different: Partial<CollectionPlan>,
  table: string,
  columns: string,
  values: string,
): Promise<void> {
  const collection = collectionPlan({ records: ROWS, dimension: DIMENSION, ...different });
  const plan = planOf(`run-${collection.schema}`, [collection], { layout: collection.layout });
  await prepare(target, plan);
  await target.rows(
    `insert into ${collection.schema}__incoming.${table} (${columns}, embedding)
     select ${values}, (select array_agg(random() - 0.5) from generate_series(1, ${DIMENSION}) where n = n)::vector
       from generate_series(1, ${ROWS}) n`,
  );
  assert.equal((await index(target, plan)).state, 'valid');
  await verified(target, plan);
  await publish(target.database, plan.run, silentLog);
  await target.rows(`analyze ${collection.schema}.${table}`);
}

const vector = `'[${Array(DIMENSION).fill(0.1)}]'`;

async function indexesOf(statement: string, searchPath = 'public'): Promise<string[]> {
  return target.database.withClient('test', async (client) => {
    await client.query('begin');
    await client.query(`set local search_path = ${searchPath}`);
    const { rows } = await client.query(`explain (format json) ${statement}`);
    await client.query('rollback');
    return [...JSON.stringify(rows).matchAll(/"Index Name":"(\w+)"/g)].map(([, name]) => name as string);
  });
}

test("LangChain's PGVector, PGVectorStore and their sibling of npm search through the index", async () => {
  await publishRows(
    { schema: 'lang', collection: 'lang', layout: 'langchain', space: 'l2' },
    'langchain_pg_embedding',
    'id, document, cmetadata',
    `'record ' || n, 'text', jsonb_build_object('n', n)`,
  );
  const collection = `'6a3f4c52-2e0b-4dd7-9a55-0d4f5f0f6a11'::uuid`;
  const e = 'langchain_pg_embedding';
  for (const statement of [
    `select ${e}.id, ${e}.collection_id, ${e}.embedding, ${e}.document, ${e}.cmetadata, ${e}.embedding <-> ${vector} as distance
       from ${e} join langchain_pg_collection on ${e}.collection_id = langchain_pg_collection.uuid
      where ${e}.collection_id = ${collection} order by distance asc limit 4`,
    `select "langchain_id", "content", "embedding", "langchain_metadata", l2_distance("embedding", ${vector}) as distance
       from "lang"."langchain_documents" order by "embedding" <-> ${vector} limit 4`,
    `select *, "embedding" <-> ${vector} as "_distance" from "lang"."langchain_pg_embedding"
      where collection_id = ${collection} order by "_distance" asc limit 4`,
  ])
    assert.deepEqual(
      (await indexesOf(statement, 'lang, public')).filter((name) => !/^langchain_pg_collection/.test(name)),
      ['idx_langchain_pg_embedding_vector'],
      statement,
    );
});

test("LlamaIndex' PGVectorStore and its sibling of npm search by cosine distance through the index, whatever the space", async () => {
  await publishRows(
    { schema: 'llama', collection: 'llama', layout: 'llamaindex', space: 'l2' },
    'data_llama',
    'node_id, text, metadata_',
    `'record ' || n, 'text', jsonb_build_object('n', n)`,
  );
  for (const statement of [
    `select id, node_id, text, metadata_, embedding <=> ${vector} as distance from llama.data_llama
      order by distance asc limit 4`,
    `select v.*, embeddings <=> ${vector} s from llama.llamaindex_embedding v
      where collection = 'data' order by s limit 4`,
  ])
    assert.deepEqual(await indexesOf(statement), ['data_llama_cosine_idx'], statement);
  assert.deepEqual(await indexesOf(`select * from llama.search_nearest(${vector}::vector, 4)`), [
    'data_llama_embedding_idx',
  ]);
});

test('one of many collections that share tables is searched through its own index, in a statement prepared too', async () => {
  const collections = Array.from({ length: 50 }, (_, at) =>
    collectionPlan({
      schema: `c${at}`,
      collection: `c${at}`,
      layout: 'shared',
      records: at === 7 ? ROWS : 10,
    }),
  );
  const plan = planOf('run-shared', collections, { layout: 'shared' });
  await prepare(target, plan);
  for (const { schema, records } of collections)
    await target.rows(
      `with rows as (
         insert into ${schema}__incoming.documents (id, source_id)
         select md5(n::text)::uuid, 'record ' || n from generate_series(1, ${records}) n returning id)
       insert into ${schema}__incoming.embeddings (id, document_id, embedding)
       select id, id, array[random(), random(), random(), random()]::vector from rows`,
    );
  for (const { schema } of collections) await index(target, plan, schema);
  await verified(target, plan);
  await publish(target.database, plan.run, silentLog);
  await target.rows('analyze c7.documents, c7.embeddings');
  await target.database.withClient('test', async (client) => {
    await client.query(
      `prepare search (text, vector) as select source_id from shared_4_l2.search_nearest($1, $2, 3)`,
    );
    await client.query('begin');
    // A statement that is executed often enough is planned for any parameter (after five, PostgreSQL: "PREPARE").
    for (let time = 0; time < 8; time++) {
      const { rows } = await client.query(`execute search ('c7', '[1,2,3,4]')`);
      assert.equal(rows.length, 3);
    }
    const { rows: locked } = await client.query(
      `select n.nspname as schema, c.relname as name from pg_locks l
         join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
        where l.pid = pg_backend_pid() and n.nspname ~ '^(c\\d+|shared)' and c.relkind in ('r', 'p') order by 1, 2`,
    );
    await client.query('rollback');
    assert.deepEqual(
      locked.map(({ schema, name }) => `${schema}.${name}`),
      ['c7.documents', 'c7.embeddings', 'shared_4_l2.documents', 'shared_4_l2.embeddings'],
    );
    const used = await client.query(
      `explain (format json) select * from shared_4_l2.embeddings where collection = 'c7' order by embedding <-> '[1,2,3,4]' limit 3`,
    );
    assert.match(JSON.stringify(used.rows), /"Index Name":"idx_embeddings_vector"/);
  });
});
