import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { buildResources } from '../../src/index-build/build-memory.ts';
import { collectionSchema } from '../../src/postgres/collection-schema.ts';
import { readRunLedger } from '../../src/postgres/run-ledger.ts';
import {
  collectionPlan,
  index,
  load,
  planOf,
  prepare,
  startTarget,
  type TestTarget,
} from '../postgres/target-run.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

for (const { dimension, m, records } of [
  { dimension: 4, m: 16, records: 20_000 },
  { dimension: 32, m: 4, records: 20_000 },
  { dimension: 32, m: 64, records: 3000 },
  { dimension: 768, m: 16, records: 4000 },
  { dimension: 3000, m: 16, records: 1500 },
])
  test(`the memory for ${dimension} dimensions at m = ${m} holds the whole graph, and not twice as much`, async () => {
    const schema = `graph_${dimension}_${m}`;
    const collection = collectionPlan({
      schema,
      dimension,
      records,
      hnsw: { m, efConstruction: 2 * m, efSearch: 40 },
    });
    await prepare(target, planOf(schema, [collection]));
    await load(target, collection);
    const ddl = collectionSchema(collection, `${schema}__incoming`).indexes.at(-1)!.ddl;
    const { maintenanceKilobytes } = await target.database.withClient('test', async (client) => {
      // Else the server's own setting is more than so small a graph needs.
      await client.query(`set maintenance_work_mem = '1MB'`);
      return buildResources(client, collection, 64 * GIB);
    });
    assert.deepEqual(await noticesOf(ddl, maintenanceKilobytes), []);
    assert.equal((await noticesOf(ddl, Math.floor((maintenanceKilobytes - 2048) / 2))).length, 1);
  });

test('a build takes at most a quarter of the memory, or what the server allows anyway', async () => {
  await target.database.withClient('test', async (client) => {
    for (const memory of [1, 4, 16, 1536].map((gibibytes) => gibibytes * GIB))
      for (const records of [1000, 100_000, 10_000_000])
        for (const dimension of [4, 384, 1536, 3072, 8000]) {
          const collection = collectionPlan({ dimension, records });
          const resources = await buildResources(client, collection, memory);
          const builds = resources.exclusive ? 1 : 4;
          assert.ok(
            builds * resources.maintenanceKilobytes * 1024 <= Math.max(64 * MIB, memory / 4) + 4096,
            `${builds} × ${resources.maintenanceKilobytes} kB of ${memory}`,
          );
        }
  });
});

test('a graph that outgrows the memory of its build is told beforehand, and no later than it does', async () => {
  const collection = collectionPlan({ schema: 'spills', dimension: 1000, records: 2500 });
  const plan = planOf('spills', [collection]);
  await prepare(target, plan);
  await load(target, collection);
  const kilobytes = 8192;
  const ofDatabase = (setting: string) =>
    target.rows(`do $$ begin execute format('alter database %I ${setting}', current_database()); end $$`);
  await ofDatabase(`set maintenance_work_mem = ''${kilobytes}kB''`);
  try {
    const options = { ...plan.options, instanceMemoryBytes: 4 * 1024 * kilobytes };
    assert.equal((await index(target, { ...plan, options })).state, 'valid');
  } finally {
    await ofDatabase('reset maintenance_work_mem');
  }
  const ledger = await target.database.withClient('test', (client) => readRunLedger(client, 'spills', 0));
  const told = ledger!.indexBuilds.find(({ index: name }) => name === 'idx_embeddings_vector')!.spillsAfter!;
  const { ddl } = collectionSchema(collection, 'spills__incoming').indexes.at(-1)!;
  const [notice] = await noticesOf(ddl, kilobytes);
  const seen = Number(/after (\d+) tuples/.exec(notice!)![1]);
  assert.ok(told > 0 && told <= seen, `${told} told, ${seen} seen`);
});

/** What Postgres says while it makes an index, under another name and for the moment, if its graph does not fit. */
async function noticesOf(ddl: string, kilobytes: number): Promise<string[]> {
  return target.database.withClient('test', async (client) => {
    const notices: string[] = [];
    client.on('notice', ({ message }) => notices.push(message!));
    await client.query(`set maintenance_work_mem = '${kilobytes}kB'; begin`);
    await client.query(ddl.replace(/^create index (\S+)/i, 'create index again_$1'));
    await client.query('rollback');
    return notices.filter((notice) => /no longer fits/.test(notice));
  });
}
