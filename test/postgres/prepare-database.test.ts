import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Plan } from '../../src/contract.ts';
import { RunSuperseded, SchemaOccupied, SchemaOwned } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { claimShard, completeShard, endRun, finishedShards } from '../../src/postgres/ledger.ts';
import { publish } from '../../src/publish/publish.ts';
import {
  collectionPlan,
  index,
  load,
  migrate,
  planOf,
  prepare,
  startTarget,
  type TestTarget,
  verified,
} from './target-run.ts';

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());
beforeEach(async () => {
  await target.rows(`do $$ declare name text; begin
    for name in select nspname from pg_namespace
                 where nspname !~ '^pg_' and nspname not in ('public', 'information_schema')
    loop execute format('drop schema %I cascade', name); end loop; end $$`);
});

const end = (run: string) =>
  target.database.withClient('test', (client) => endRun(client, run, 'failed', null));

const claim = (run: string, number: number, schema = 'docs') =>
  target.database.withClient('test', async (client) => {
    await client.query('begin');
    const shard = { run, schema, number };
    const claimed = await claimShard(client, shard);
    const now = new Date().toISOString();
    const figures = {
      ...{ content: 'rows' as const, records: 1, loaded: 1, rejected: 0, vanished: 0 },
      ...{ checksum: '18446744073709551615', bytes: 1 },
    };
    if (claimed)
      await completeShard(client, {
        ...shard,
        ...figures,
        exportStartedAt: now,
        exportedAt: now,
        importStartedAt: now,
      });
    await client.query('commit');
    return claimed;
  });

const count = async (schema: string) =>
  Number((await target.rows<{ n: number }>(`select count(*) as n from ${schema}.documents`))[0]!.n);

test('a run that goes on finds its incoming tables with what is in them', async () => {
  const plan = planOf('first');
  await prepare(target, plan);
  await load(target, plan.collections[0]!);
  await claim('first', 0);
  await prepare(target, plan);
  assert.equal(await count('docs__incoming'), 10);
  assert.equal(await claim('first', 0), false, 'a finished shard is not imported again');
});

test('another run is told who fills the schema, and takes it over only when asked', async () => {
  await prepare(target, planOf('first'));
  await assert.rejects(prepare(target, planOf('second')), (error: Error) => {
    assert.ok(error instanceof SchemaOwned);
    assert.match(error.message, /"docs" belongs to run "first".*--run first.*--take-over/);
    return true;
  });
  await prepare(target, planOf('second', undefined, { takeOver: true }));
  await assert.rejects(claim('first', 0), RunSuperseded);
  assert.equal(await claim('second', 0), true);
});

test('a run that ended, or was not seen for long, holds nobody up', async () => {
  await prepare(target, planOf('first'));
  await end('first');
  await prepare(target, planOf('second'));
  await assert.rejects(prepare(target, planOf('third')), SchemaOwned);
  await target.rows(
    `update chroma_migration.runs set seen_at = now() - interval '21 minutes' where run = 'second'`,
  );
  await prepare(target, planOf('third'));
});

test('a run whose incoming tables another run replaced loads all its shards again', async () => {
  await prepare(target, planOf('first'));
  await claim('first', 0);
  await end('first');
  await prepare(target, planOf('second'));
  await end('second');
  await prepare(target, planOf('first'));
  const finished = await target.database.withClient('test', (client) => finishedShards(client, 'first'));
  assert.deepEqual([...finished], [], 'the ledger says nothing is in tables that are empty');
});

test('a run that lost its schema publishes, and builds, nothing in it', async () => {
  const [first, second] = [planOf('first'), planOf('second', undefined, { takeOver: true })];
  await prepare(target, first);
  await load(target, first.collections[0]!, 'first');
  await verified(target, first);
  await prepare(target, second);
  await load(target, second.collections[0]!, 'second');
  await assert.rejects(publish(target.database, 'first', silentLog), RunSuperseded);
  await assert.rejects(index(target, first), RunSuperseded);
  assert.deepEqual(await target.rows(`select to_regclass('docs.documents') as live`), [{ live: null }]);
});

test('a run that goes on after its publication has no index to build and keeps what is live', async () => {
  const plan = planOf('first');
  await migrate(target, plan);
  await prepare(target, plan);
  assert.equal((await index(target, plan)).state, 'valid');
  await publish(target.database, 'first', silentLog);
  assert.equal(await count('docs'), 10);
});

for (const [what, statement, plan] of [
  ['table in a schema of ours', 'create schema docs; create table docs.orders ()', planOf('run')],
  ['view in a schema of ours', 'create schema docs; create view docs.orders as select 1', planOf('run')],
  [
    'documents in the schema that was named',
    'create schema app; create table app.documents ()',
    planIn('app'),
  ],
  [
    'function in the schema that was named',
    'create schema app; create function app.search_nearest(vector, integer) returns integer language sql as $$ select 1 $$',
    planIn('app'),
  ],
  [
    'index of a name that ours will have',
    'create schema app; create table app.orders (metadata jsonb); create index idx_documents_metadata on app.orders using gin (metadata)',
    planIn('app'),
  ],
  [
    'schema where ours would be loaded',
    'create schema docs__incoming; create table docs__incoming.orders ()',
    planOf('run'),
  ],
  [
    'schema where ours would be kept',
    'create schema docs__previous; create table docs__previous.orders ()',
    planOf('run'),
  ],
] satisfies [string, string, Plan][])
  test(`somebody else's ${what} is refused before anything is loaded, and stays`, async () => {
    await target.rows('create extension if not exists vector');
    await target.rows(statement);
    const before = await target.rows(`select oid, relname, relnamespace from pg_class order by oid`);
    await assert.rejects(prepare(target, plan), (error: Error) => {
      assert.ok(error instanceof SchemaOccupied, String(error));
      assert.match(error.message, /--schema/);
      return true;
    });
    const left = await target.rows<{ oid: number }>('select oid from pg_class');
    const oids = new Set(left.map(({ oid }) => oid));
    assert.deepEqual(
      before.filter(({ oid }) => !oids.has(oid)),
      [],
    );
  });

function planIn(schema: string): Plan {
  return planOf('run', [collectionPlan({ collection: 'docs', schema })], { schema });
}

test('a named schema may hold other tables', async () => {
  await target.rows('create schema app; create table app.orders ()');
  await migrate(target, planIn('app'));
  assert.equal(await count('app'), 10);
});

test('a collection of the same name in another tenant does not replace this one', async () => {
  await migrate(target, planOf('first'));
  const other = planOf('second', [collectionPlan({ tenant: 'other' })]);
  await assert.rejects(prepare(target, other), (error: Error) => {
    assert.ok(error instanceof SchemaOccupied);
    assert.match(error.message, /tenant/);
    return true;
  });
});

test('two thousand collections are prepared, each with its own tables', { timeout: 200_000 }, async () => {
  const collections = Array.from({ length: target.isEmbedded ? 200 : 2000 }, (_, n) =>
    collectionPlan({ schema: `many_${n}` }),
  );
  await prepare(target, planOf('many', collections));
  const [made] = await target.rows<{ tables: number }>(
    `select count(*) as tables from pg_tables where schemaname ~ '^many_.*__incoming$'`,
  );
  assert.equal(Number(made!.tables), 2 * collections.length);
  // By parts: the test's own clean-up must not need more locks than the server has.
  for (let start = 0; start < collections.length; start += 100)
    await target.rows(
      collections
        .slice(start, start + 100)
        .map(({ schema }) => `drop schema ${schema}__incoming cascade`)
        .join(';'),
    );
});
