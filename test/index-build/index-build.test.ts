import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { CollectionPlan } from '../../src/contract.ts';
import { IndexBuildFailed } from '../../src/errors.ts';
import { checkIndexBuild } from '../../src/index-build/check-index-build.ts';
import { startIndexBuild } from '../../src/index-build/start-index-build.ts';
import type { Log } from '../../src/log.ts';
import { silentLog } from '../../src/log.ts';
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
beforeEach(async () => {
  await target.rows('drop schema if exists docs__incoming, more__incoming, chroma_migration cascade');
});

const indexNames = async (schema = 'docs') =>
  (
    await target.rows<{ name: string }>(
      `select indexname as name from pg_indexes where schemaname = '${schema}__incoming' order by 1`,
    )
  ).map(({ name }) => name);

const builds = () =>
  target.rows<{ index: string; state: string; error: string | null }>(
    'select index, state, error from chroma_migration.index_builds order by started_at',
  );

test('one call builds the keys and indexes of a small collection, and says which it builds', async () => {
  const plan = planOf('run');
  await prepare(target, plan);
  await load(target, plan.collections[0]!);
  const said: string[] = [];
  const log: Log = { info: (_, fields) => fields?.index && said.push(String(fields.index)), warn() {} };
  const context = { database: target.database, log, patienceMilliseconds: 60_000 };
  const output = await startIndexBuild(context, plan, {
    run: 'run',
    schema: 'docs',
    collection: 'docs',
    looks: 3,
  });
  assert.equal(output.state, 'valid');
  const expected = [
    ...['documents_pkey', 'embeddings_pkey', 'idx_embeddings_document_id', 'embeddings_document_id_fkey'],
    ...['idx_documents_source_id', 'documents_file_path_chunk_index_key', 'idx_documents_file_path'],
    ...['idx_documents_metadata', 'idx_embeddings_vector'],
  ];
  assert.deepEqual(said, expected);
  assert.deepEqual(
    (await builds()).map(({ index: name, state }) => `${name} ${state}`),
    expected.map((name) => `${name} valid`),
  );
});

test('what stands is not built again', async () => {
  const plan = planOf('run');
  await prepare(target, plan);
  await load(target, plan.collections[0]!);
  await index(target, plan);
  const oids = () =>
    target.rows(
      `select indexrelid from pg_index where indrelid in ('docs__incoming.documents'::regclass, 'docs__incoming.embeddings'::regclass) order by 1`,
    );
  const before = await oids();
  await target.rows('drop index docs__incoming.idx_documents_metadata');
  assert.equal((await index(target, plan)).state, 'valid');
  const after = await oids();
  assert.equal(after.length, before.length);
  assert.equal(
    after.filter((one) => !before.some((other) => JSON.stringify(one) === JSON.stringify(other))).length,
    1,
  );
});

for (const { what, update, unique, plain } of [
  {
    what: 'chunks with places of their own',
    update: "file_path = 'a.md', chunk_index = (metadata ->> 'n')::integer",
    unique: true,
    plain: true,
  },
  {
    what: 'chunks that share a place',
    update: "file_path = 'a.md', chunk_index = 1",
    unique: false,
    plain: true,
  },
  { what: 'records without a path', update: 'file_path = null', unique: true, plain: true },
  // What compresses well would fit, however long.
  {
    what: 'a path too long for a btree',
    update: `file_path = (select string_agg(md5(n::text), '') from generate_series(1, 200) n), chunk_index = (metadata ->> 'n')::integer`,
    unique: false,
    plain: false,
  },
])
  test(`the data decide whether (file_path, chunk_index) is unique: ${what}`, async () => {
    const plan = planOf('run');
    await prepare(target, plan);
    await load(target, plan.collections[0]!);
    await target.rows(`update docs__incoming.documents set ${update}`);
    assert.equal((await index(target, plan)).state, 'valid');
    const names = await indexNames();
    assert.equal(names.includes('documents_file_path_chunk_index_key'), unique);
    assert.equal(names.includes('idx_documents_file_path'), plain);
  });

test('ids of any length can be looked up by an index', async () => {
  const plan = planOf('run');
  await prepare(target, plan);
  await load(target, plan.collections[0]!);
  await target.rows(
    `update docs__incoming.documents set source_id = source_id || (select string_agg(md5(n::text), '') from generate_series(1, 500) n)`,
  );
  assert.equal((await index(target, plan)).state, 'valid');
});

test('a graph that outgrows the memory of a build is told of before it is built, and kept in the ledger', async () => {
  for (const [records, spills] of [
    [10_000, false],
    [10_000_000, true],
  ] as const) {
    await target.rows('drop schema if exists docs__incoming, chroma_migration cascade');
    const plan = planOf('run', undefined, { instanceMemoryBytes: 64 * 1024 ** 2 });
    const [collection] = plan.collections as [CollectionPlan];
    await prepare(target, plan);
    await load(target, collection);
    // Nobody has so many rows here: what is reckoned with is the plan's number.
    collection.records = records;
    const warned: Record<string, unknown>[] = [];
    const log: Log = { info() {}, warn: (_, fields) => warned.push(fields ?? {}) };
    const context = { database: target.database, log, patienceMilliseconds: 60_000 };
    await startIndexBuild(context, plan, { run: 'run', schema: 'docs', collection: 'docs', looks: 0 });
    const kept = await target.rows<{ index: string; spills_after: string }>(
      'select index, spills_after from chroma_migration.index_builds where spills_after is not null',
    );
    assert.deepEqual(
      kept.map(({ index: name }) => name),
      spills ? ['idx_embeddings_vector'] : [],
    );
    const rows = kept.map(({ spills_after }) => Number(spills_after));
    assert.deepEqual(
      warned.map(({ spillsAfterRows }) => spillsAfterRows),
      rows,
    );
    const [{ bytes }] = (await target.rows<{ bytes: string }>(
      `select pg_size_bytes(current_setting('maintenance_work_mem')) as bytes`,
    )) as [{ bytes: string }];
    // A row of four dimensions takes about 796 bytes, and 5 MiB are kept apart.
    const fitting = (Math.max(Number(bytes), 16 * 1024 ** 2) - 5 * 1024 ** 2) / 796;
    for (const after of rows) assert.ok(Math.abs(after / fitting - 1) < 0.02, `${after} for ${fitting}`);
  }
});

test('data that an index cannot take fail the build with the reason, and the ledger keeps it', async () => {
  const plan = planOf('run');
  await prepare(target, plan);
  await load(target, plan.collections[0]!);
  await target.rows('insert into docs__incoming.embeddings select * from docs__incoming.embeddings limit 1');
  await assert.rejects(index(target, plan), (error: Error) => {
    assert.ok(error instanceof IndexBuildFailed);
    assert.match(
      error.message,
      /embeddings_pkey of collection "docs".*could not create unique index.*--run run/,
    );
    return true;
  });
  const build = (await builds()).find(({ index }) => index === 'embeddings_pkey');
  assert.equal(build!.state, 'failed');
  assert.match(build!.error!, /could not create unique index/);
});

test('a collection that never held a record has no vector index, and needs none', async () => {
  const plan = planOf('run', [collectionPlan({ dimension: null, records: 0 })]);
  await prepare(target, plan);
  assert.equal((await index(target, plan)).state, 'valid');
  assert.equal((await indexNames()).includes('idx_embeddings_vector'), false);
});

test('a look at a collection that nobody builds says to start, and waits grow with the looks', async () => {
  const plan = planOf('run');
  await prepare(target, plan);
  const context = { database: target.database, log: silentLog };
  const waits: number[] = [];
  for (let looks = 0; looks < 9; looks++) {
    const output = await checkIndexBuild(context, { run: 'run', schema: 'docs', collection: 'docs', looks });
    assert.deepEqual([output.state, output.looks], ['stopped', looks + 1]);
    waits.push(output.waitSeconds);
  }
  assert.deepEqual(
    waits,
    [...waits].sort((a, b) => a - b),
  );
  assert.ok(waits[0]! <= 2 && waits.at(-1)! >= 30 && waits.at(-1)! <= 300);
});

test('a build leaves no lock and no setting behind', async () => {
  const plan = planOf('run', [collectionPlan(), collectionPlan({ schema: 'more' })]);
  await prepare(target, plan);
  for (const collection of plan.collections) await load(target, collection);
  await Promise.all(plan.collections.map(({ schema }) => index(target, plan, schema)));
  assert.deepEqual(await target.rows(`select from pg_locks where locktype = 'advisory'`), []);
  const [settings] = await target.rows<{ source: string }>(
    `select count(*)::integer as changed from pg_settings where name in ('maintenance_work_mem', 'client_min_messages', 'statement_timeout') and source = 'session'`,
  );
  assert.deepEqual(settings, { changed: 0 });
});

test('where helpers find no shared memory, one process builds alone, and a warning says why', async () => {
  await target.rows(`create function no_shared_memory() returns event_trigger language plpgsql as $$ begin
    if current_setting('max_parallel_maintenance_workers')::integer > 0 then
      raise exception 'could not resize shared memory segment "/PostgreSQL.1843" to 99 bytes: No space left on device'
        using errcode = 'disk_full';
    end if; end $$`);
  await target.rows(
    "create event trigger no_shared_memory on ddl_command_start when tag in ('CREATE INDEX') execute function no_shared_memory()",
  );
  try {
    const plan = planOf('run');
    await prepare(target, plan);
    await load(target, plan.collections[0]!);
    const warnings: string[] = [];
    const log: Log = { info() {}, warn: (message) => warnings.push(message) };
    const context = { database: target.database, log, patienceMilliseconds: 60_000 };
    const item = { run: 'run', schema: 'docs', collection: 'docs', looks: 0 };
    assert.equal((await startIndexBuild(context, plan, item)).state, 'valid');
    assert.ok((await indexNames()).includes('idx_embeddings_vector'));
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /shared memory .*--shm-size/);
  } finally {
    await target.rows('drop event trigger no_shared_memory');
  }
});
