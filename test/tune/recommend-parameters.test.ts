import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import type pg from 'pg';
import { silentLog } from '../../src/log.ts';
import type { Database } from '../../src/postgres/database.ts';
import { beginRun } from '../../src/postgres/ledger.ts';
import { migrateLedger } from '../../src/postgres/ledger-schema.ts';
import type { ParameterReport } from '../../src/report/report.ts';
import { FileStore } from '../../src/store/file-store.ts';
import { keys } from '../../src/store/keys.ts';
import { recommendParameters } from '../../src/tune/recommend-parameters.ts';
import { samplePlan } from './sample-plan.ts';

let embedded: PGlite;
let folder: string;
let store: FileStore;
let database: Database;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tune-'));
  store = new FileStore(folder);
  embedded = await PGlite.create({ extensions: { vector } });
  database = inProcess(embedded);
  await embedded.exec('create extension vector');
  await database.withClient('test', migrateLedger);
});
after(async () => {
  await embedded.close();
  await rm(folder, { recursive: true });
});

/** PGlite without a wire in between: what is tested is what is asked of it. */
function inProcess(server: PGlite): Database {
  const client = {
    query: async (text: string, values?: unknown[]) => {
      if (values) return server.query(text, values);
      return (await server.exec(text)).at(-1) ?? { rows: [] };
    },
  } as unknown as pg.Client;
  return {
    where: 'in this process',
    withClient: (_, use) => use(client),
    withKeptClient: (_, use) => use(client),
    connect: async () => client,
    explain: (error) => error,
  };
}

const setting = async (name: string) =>
  (await embedded.query<{ value: string }>('select current_setting($1) as value', [name])).rows[0]!.value;

const written = async (run: string): Promise<ParameterReport[]> =>
  JSON.parse((await store.readText(keys.parameters(run)))!);

test('an embedded Postgres is told what it would be set to, and nothing of it is set', async () => {
  const plan = samplePlan('embedded', { tune: 'apply', instanceMemoryBytes: 8 * 1024 ** 3 });
  await database.withClient('test', (client) => beginRun(client, plan));

  const output = await recommendParameters({ database, store, log: silentLog }, plan);

  assert.deepEqual(output, { run: 'embedded', batches: [], rebootNeeded: false });
  const parameters = await written('embedded');
  assert.ok(parameters.some(({ name, newValue }) => name === 'hnsw.ef_search' && newValue === '100'));
  assert.ok(parameters.some(({ scope }) => scope === 'instance'));
  assert.ok(parameters.every(({ applied }) => !applied));
  assert.equal(await setting('hnsw.ef_search'), '40');
  const { rows } = await embedded.query('select 1 from pg_db_role_setting');
  assert.equal(rows.length, 0);
});

test('the candidates of a search are those with which its recall was measured', async () => {
  const plan = samplePlan('measured');
  await database.withClient('test', (client) => beginRun(client, plan));
  await store.writeText(keys.verification('measured', 'handbook'), '{"searches": {"efSearch": 200}}');

  await recommendParameters({ database, store, log: silentLog }, plan);

  const parameters = await written('measured');
  assert.equal(parameters.find(({ name }) => name === 'hnsw.ef_search')?.newValue, '200');
});
