import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLog } from '../../src/log.ts';
import type { MigrationRequest } from '../../src/migration-input.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { beginRun } from '../../src/postgres/ledger.ts';
import { migrateLedger } from '../../src/postgres/ledger-schema.ts';
import type { ParameterReport } from '../../src/report/report.ts';
import { FileStore } from '../../src/store/file-store.ts';
import { keys } from '../../src/store/keys.ts';
import { recommendParameters } from '../../src/tune/recommend-parameters.ts';
import { samplePlan } from '../tune/sample-plan.ts';

const GIB = 1024 ** 3;
const name = `tune_${randomBytes(6).toString('hex')}`;
const server = openDatabase({ url: process.env.DATABASE_URL! });
let folder: string;
let store: FileStore;
let database: Database;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tune-'));
  store = new FileStore(folder);
  await statement(server, `create database ${name}`);
  database = openDatabase({ url: addressOf(name) });
  await statement(database, 'create extension vector');
  await database.withClient('test', migrateLedger);
});
after(async () => {
  await statement(server, `drop database if exists ${name} with (force)`);
  await rm(folder, { recursive: true });
});

function addressOf(databaseName: string, user?: string, password?: string): string {
  const url = new URL(process.env.DATABASE_URL!);
  url.pathname = `/${databaseName}`;
  if (user !== undefined) [url.username, url.password] = [user, password!];
  return url.href;
}

const statement = (on: Database, text: string) => on.withClient('test', (client) => client.query(text));

async function tune(run: string, options: MigrationRequest, as: Database = database) {
  const plan = samplePlan(run, options);
  await database.withClient('test', (client) => beginRun(client, plan));
  const output = await recommendParameters({ database: as, store, log: silentLog }, plan);
  const parameters = JSON.parse((await store.readText(keys.parameters(run)))!) as ParameterReport[];
  return { output, parameters };
}

/** As a session sees it that begins now. */
async function setting(parameter: string): Promise<string> {
  return database.withClient('test', async (client) => {
    await client.query(`select '[1]'::vector`);
    return (await client.query(`select current_setting($1) as value`, [parameter])).rows[0].value;
  });
}

async function changes(run: string): Promise<{ name: string; old_value: string; new_value: string }[]> {
  return database.withClient('test', async (client) => {
    const { rows } = await client.query(
      'select name, old_value, new_value from chroma_migration.parameter_changes where run = $1 order by name',
      [run],
    );
    return rows;
  });
}

const resetSearch = () => statement(database, `alter database ${name} reset all`);

test('policy search: new sessions search as Chroma did, and the instance is only advised', async () => {
  const { output, parameters } = await tune('search', { tune: 'search', instanceMemoryBytes: 16 * GIB });
  assert.equal(await setting('hnsw.ef_search'), '100');
  assert.equal(await setting('hnsw.iterative_scan'), 'strict_order');
  assert.deepEqual(output, { run: 'search', batches: [], rebootNeeded: false });
  for (const { scope, applied } of parameters) assert.equal(applied, scope === 'database');
  await resetSearch();
});

test('a second call sets the same and forgets no old value', async () => {
  const first = await tune('again', { tune: 'search' });
  const second = await tune('again', { tune: 'search' });
  assert.deepEqual(second.parameters, first.parameters);
  assert.deepEqual(await changes('again'), [
    { name: 'hnsw.ef_search', old_value: '40', new_value: '100' },
    { name: 'hnsw.iterative_scan', old_value: 'off', new_value: 'strict_order' },
  ]);
  await resetSearch();
});

test('policy report: nothing is set and nothing recorded', async () => {
  const { output, parameters } = await tune('report', { tune: 'report', instanceMemoryBytes: 16 * GIB });
  assert.ok(parameters.length > 0 && parameters.every(({ applied }) => !applied));
  assert.deepEqual(output.batches, []);
  assert.equal(await setting('hnsw.ef_search'), '40');
  assert.deepEqual(await changes('report'), []);
});

test('policy apply: the state machine is handed what is recorded, in values that this server takes', async () => {
  const { output, parameters } = await tune('apply', { tune: 'apply', instanceMemoryBytes: 16 * GIB });
  const handed = output.batches.flat();
  const ofInstance = parameters.filter(({ scope }) => scope === 'instance');
  assert.deepEqual(
    handed.map(({ ParameterName, ParameterValue }) => [ParameterName, ParameterValue]),
    ofInstance.map((parameter) => [parameter.name, parameter.newValue]),
  );
  assert.ok(handed.length > 0);
  assert.equal(
    output.rebootNeeded,
    ofInstance.some(({ needsReboot }) => needsReboot),
  );
  assert.deepEqual(
    (await changes('apply')).map((change) => change.name),
    parameters.map((parameter) => parameter.name).sort(),
  );
  // A session takes what the server would refuse as little as it would; the rest only a reload or restart changes.
  const inSession = ['work_mem', 'maintenance_work_mem', 'effective_cache_size', 'random_page_cost'];
  await database.withClient('test', async (client) => {
    for (const { ParameterName, ParameterValue } of handed)
      if (inSession.includes(ParameterName))
        await client.query('select set_config($1, $2, false)', [ParameterName, ParameterValue]);
  });
  await resetSearch();
});

test('a role that does not own the database is advised instead of failing after the publication', async () => {
  const role = `${name}_guest`;
  await statement(server, `create role ${role} login password 'guest'`);
  await statement(
    database,
    `grant usage on schema chroma_migration to ${role};
     grant select, insert on all tables in schema chroma_migration to ${role}`,
  );
  const guest = openDatabase({ url: addressOf(name, role, 'guest') });
  try {
    const { parameters } = await tune('guest', { tune: 'search' }, guest);
    assert.ok(parameters.some(({ scope }) => scope === 'database'));
    assert.ok(parameters.every(({ applied }) => !applied));
    assert.equal(await setting('hnsw.ef_search'), '40');
  } finally {
    await statement(database, `drop owned by ${role}`);
    await statement(server, `drop role ${role}`);
  }
});
