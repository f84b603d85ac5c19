import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { CollectionPlan, Plan } from '../../src/contract.ts';
import { checkIndexBuild } from '../../src/index-build/check-index-build.ts';
import { startIndexBuild } from '../../src/index-build/start-index-build.ts';
import { type Log, silentLog } from '../../src/log.ts';
import { waitingForLocks } from '../fixtures/row-versions.ts';
import {
  collectionPlan,
  load,
  planOf,
  prepare,
  startTarget,
  type TestTarget,
} from '../postgres/target-run.ts';

/** The server's own setting, which is the whole budget here: more than a quarter of it makes a build large. */
const BUDGET = '40MB';
/** Some seconds of work and a graph of 11 MB. */
const LARGE = { records: 3000, dimension: 32, hnsw: { m: 48, efConstruction: 400, efSearch: 100 } };
/** A graph of 8 MB. */
const SMALL = { records: 3000, dimension: 32, hnsw: { m: 24, efConstruction: 100, efSearch: 100 } };

let target: TestTarget;
before(async () => {
  target = await startTarget();
  const [{ name }] = (await target.rows<{ name: string }>('select current_database() as name')) as [
    { name: string },
  ];
  await target.rows(`alter database ${name} set maintenance_work_mem = '${BUDGET}'`);
});
after(() => target.stop());

async function loaded(run: string, ...collections: Partial<CollectionPlan>[]): Promise<Plan> {
  // A server of so little memory that its own maintenance_work_mem is the budget.
  const plan = planOf(
    run,
    collections.map((different) => collectionPlan(different)),
    { instanceMemoryBytes: 1024 },
  );
  await prepare(target, plan);
  for (const collection of plan.collections) await load(target, collection);
  return plan;
}

const start = (plan: Plan, schema: string, patienceMilliseconds = 60_000) =>
  startIndexBuild({ database: target.database, log: silentLog, patienceMilliseconds }, plan, {
    ...{ run: plan.run, schema, collection: schema, looks: 0 },
  });
const look = (plan: Plan, schema: string, log: Log = silentLog) =>
  checkIndexBuild(
    { database: target.database, log },
    { run: plan.run, schema, collection: schema, looks: 0 },
  );

/** Starts with so little patience that the vector index is left to the server. */
async function leaveVectorIndex(plan: Plan, schema: string): Promise<void> {
  for (;;) {
    const { state, index } = await start(plan, schema, 300);
    assert.equal(state, 'building');
    while ((await look(plan, schema)).state === 'building') {
      if (index === 'idx_embeddings_vector' && (await isAtWork(schema))) return;
      await sleep(5);
    }
  }
}

/** Whether the server works at the vector index: one that was begun may have no statement yet. */
const isAtWork = async (schema: string) =>
  (
    await target.rows(
      `select from pg_stat_progress_create_index p join pg_stat_activity a using (pid)
        where p.relid = to_regclass('${schema}__incoming.embeddings') and a.query ~* 'using hnsw'`,
    )
  ).length > 0;

/** Leaves nothing but the vector index to the server, and a writer who keeps it waiting. @returns what ends the wait */
async function holdVectorIndex(plan: Plan, schema: string): Promise<() => Promise<void>> {
  assert.equal((await start(plan, schema)).state, 'valid');
  await target.rows(`drop index ${schema}__incoming.idx_embeddings_vector`);
  const writer = await target.database.connect('writer');
  await writer.query(`begin; lock table ${schema}__incoming.embeddings in row exclusive mode`);
  for (;;) {
    assert.equal((await start(plan, schema, 300)).state, 'building');
    while ((await look(plan, schema)).state === 'building') {
      if ((await target.database.withClient('observer', waitingForLocks)) > 0) return () => writer.end();
      await sleep(5);
    }
  }
}

async function waitUntilStopped(plan: Plan, schema: string, log?: Log): Promise<void> {
  const deadline = Date.now() + 60_000;
  while ((await look(plan, schema, log)).state === 'building') {
    assert.ok(Date.now() < deadline, 'the build does not end');
    await sleep(100);
  }
}

const vectorIndexOid = async (schema: string) =>
  (
    await target.rows<{ oid: number }>(
      `select indexrelid as oid from pg_index where indexrelid = to_regclass('${schema}__incoming.idx_embeddings_vector') and indisvalid`,
    )
  )[0]?.oid;

test('a build goes on when its starter leaves, shows its percentage, and is not begun again', async () => {
  const plan = await loaded('leave', { schema: 'leave', ...LARGE });
  await leaveVectorIndex(plan, 'leave');
  const second = await start(plan, 'leave');
  assert.equal(second.state, 'building', 'a second starter finds it being built');
  const said: { index?: unknown; percent?: unknown }[] = [];
  await waitUntilStopped(plan, 'leave', { info: (_, fields) => said.push(fields!), warn() {} });
  const percents = said.flatMap(({ percent }) => (typeof percent === 'number' ? [percent] : []));
  assert.ok(
    percents.length > 0 && percents.every((percent) => percent >= 0 && percent <= 100),
    String(percents),
  );
  assert.ok(said.some(({ index }) => index === 'idx_embeddings_vector'));
  const oid = await vectorIndexOid('leave');
  assert.ok(oid, 'the server has built it without its client');
  assert.equal((await start(plan, 'leave')).state, 'valid');
  assert.equal(await vectorIndexOid('leave'), oid);
  const [build] = await target.rows(
    `select state, finished_at is not null as finished from chroma_migration.index_builds where run = 'leave' and index = 'idx_embeddings_vector'`,
  );
  assert.deepEqual(build, { state: 'valid', finished: true });
});

test('a build goes on when its starter leaves also on a server that looks after its clients', async () => {
  const [{ name }] = (await target.rows<{ name: string }>('select current_database() as name')) as [
    { name: string },
  ];
  await target.rows(`alter database ${name} set client_connection_check_interval = '100ms'`);
  try {
    const plan = await loaded('checked', { schema: 'checked', ...LARGE });
    await leaveVectorIndex(plan, 'checked');
    await waitUntilStopped(plan, 'checked');
    assert.ok(await vectorIndexOid('checked'), 'the server has ended the build with its client');
  } finally {
    await target.rows(`alter database ${name} reset client_connection_check_interval`);
  }
});

test('a build survives the SIGKILL of the process that started it', async () => {
  const plan = await loaded('killed', { schema: 'killed', ...LARGE });
  const child = spawn(
    process.execPath,
    [
      ...['--import', './local/sql-loader.ts', '--input-type=module-typescript', '--eval'],
      `import { startIndexBuild } from './src/index-build/start-index-build.ts';
       import { openDatabase } from './src/postgres/database.ts';
       const { url, plan } = JSON.parse(process.env.TEST_INPUT);
       const log = { info: (_, fields) => console.log(fields.index), warn() {} };
       await startIndexBuild({ database: openDatabase({ url }), log, patienceMilliseconds: 600_000 }, plan,
         { run: plan.run, schema: plan.collections[0].schema, looks: 0 });`,
    ],
    {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { ...process.env, TEST_INPUT: JSON.stringify({ url: target.url, plan }) },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  try {
    for await (const line of child.stdout) if (String(line).includes('idx_embeddings_vector')) break;
    const deadline = Date.now() + 60_000;
    while (!(await isAtWork('killed'))) assert.ok(Date.now() < deadline, 'the build does not begin');
  } finally {
    child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  assert.equal((await look(plan, 'killed')).state, 'building');
  await waitUntilStopped(plan, 'killed');
  const oid = await vectorIndexOid('killed');
  assert.ok(oid);
  assert.equal((await start(plan, 'killed')).state, 'valid');
  assert.equal(await vectorIndexOid('killed'), oid);
});

test('a build whose backend died is begun again', async () => {
  const plan = await loaded('died', { schema: 'died', ...LARGE });
  await leaveVectorIndex(plan, 'died');
  const ended = await target.rows<{ ended: boolean }>(
    `select pg_terminate_backend(pid, 10000) as ended from pg_stat_progress_create_index where datname = current_database()`,
  );
  assert.ok(ended.length > 0);
  assert.equal((await look(plan, 'died')).state, 'stopped');
  assert.equal(await vectorIndexOid('died'), undefined);
  assert.equal((await start(plan, 'died')).state, 'valid');
  assert.ok(await vectorIndexOid('died'));
});

test('a run that loses its schema while it builds says so, and builds nothing in the tables of the other', async () => {
  const plan = await loaded('loser', { schema: 'taken', records: 100 });
  const other = planOf('taker', plan.collections, { takeOver: true });
  let built!: ReturnType<typeof start>;
  let prepared!: ReturnType<typeof prepare>;
  // Within a transaction the server shows what it has shown before.
  const observer = await target.database.connect('observer');
  const untilWaiting = async (number: number) => {
    while ((await waitingForLocks(observer)) < number) await sleep(5);
  };
  await target.database.withClient('holder', async (holder) => {
    // The first key waits for this, and who drops the tables for the key.
    await holder.query('begin; lock table taken__incoming.documents in share row exclusive mode');
    built = start(plan, 'taken');
    built.catch(() => undefined);
    await untilWaiting(1);
    prepared = prepare(target, other);
    await untilWaiting(2);
    await holder.query('commit');
  });
  await observer.end();
  await assert.rejects(built, {
    name: 'RunSuperseded',
    message: /Run "loser" no longer owns schema "taken"/,
  });
  await prepared;
  assert.deepEqual(
    await target.rows(`select indexname from pg_indexes where schemaname = 'taken__incoming'`),
    [],
  );
  await load(target, other.collections[0]!);
  assert.equal((await start(other, 'taken')).state, 'valid');
});

test('a large build has the memory to itself; small ones wait for it, and run beside each other', async () => {
  const plan = await loaded(
    'locks',
    ...[
      { schema: 'large', ...LARGE, records: 100 },
      { schema: 'other', ...LARGE, records: 100 },
    ],
    ...[{ schema: 'small', ...SMALL, records: 100 }, { schema: 'tiny' }],
  );
  // Nobody has so many rows here: what is reckoned with is the plan's number.
  for (const collection of plan.collections)
    if (collection.schema !== 'tiny') collection.records = LARGE.records;
  const endLarge = await holdVectorIndex(plan, 'large');
  assert.equal((await start(plan, 'other')).state, 'waiting', 'another large one beside a large one');
  assert.equal((await start(plan, 'tiny')).state, 'waiting', 'a small one beside a large one');
  await endLarge();
  await waitUntilStopped(plan, 'large');
  const endSmall = await holdVectorIndex(plan, 'small');
  assert.equal((await start(plan, 'other')).state, 'waiting', 'a large one beside a small one');
  assert.equal((await start(plan, 'tiny')).state, 'valid', 'a small one beside a small one');
  assert.equal((await look(plan, 'small')).state, 'building', 'else the last two said nothing');
  await endSmall();
  await waitUntilStopped(plan, 'small');
  assert.equal((await start(plan, 'other')).state, 'valid');
});

test('helpers share the build of vectors that lie beside their table', async () => {
  // 25 MB, of which less than 1 MB is the table itself: it alone would get no helper.
  const collection = collectionPlan({ schema: 'beside', records: 4000, dimension: 1536 });
  // A quarter of it is the budget, and each process must have 32 MB of it.
  const plan = planOf('beside', [collection], { instanceMemoryBytes: 400 * 1024 ** 2 });
  await prepare(target, plan);
  await load(target, collection);
  let helpers = 0;
  let isBuilding = true;
  const building = start(plan, 'beside').finally(() => {
    isBuilding = false;
  });
  while (isBuilding) {
    const [{ count }] = (await target.rows<{ count: number }>(
      `select count(*)::integer as count from pg_stat_activity
        where datname = current_database() and backend_type = 'parallel worker' and query ~* 'using hnsw'`,
    )) as [{ count: number }];
    helpers = Math.max(helpers, count);
    await sleep(20);
  }
  assert.equal((await building).state, 'valid');
  assert.ok(helpers > 0, 'one process has built it alone');
});
