import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { type SwitchOutput, switchOutput } from '../../local/output/file-schemas.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { runCommand, runJsonCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertPublished } from '../fixtures/output-schema.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const RECORDS = 120;
const COLLECTIONS = '/api/v2/tenants/default_tenant/databases/default_database/collections';
let chroma: TestChroma;
let postgres: TestPostgres;
let folder: string;
let id: string;

before(async () => {
  [chroma, postgres, folder] = await Promise.all([
    startTestChroma(),
    startTestPostgres(),
    temporaryFolder('switch-'),
  ]);
  id = await fillCollection(chroma.url, { name: 'docs', dimension: 8, records: RECORDS, space: 'cosine' });
  await fillCollection(chroma.url, { name: 'notes', dimension: 4, records: 10 });
  await writeFile(config(), '# ours\nserver: {port: 8080}\nstorage:\n  vector_store: chromadb\n');
});
after(() => Promise.all([chroma.stop(), postgres.stop()]));

const config = () => join(folder, 'signal-hub.yaml');
const both = () => ['--source', chroma.url, '--target', postgres.url];
async function switching(...args: string[]): Promise<{ code: number | null; said: SwitchOutput }> {
  const { code, json } = await runJsonCommand(['switch', '--config', config(), ...args]);
  assertPublished(switchOutput, json);
  return { code, said: json as unknown as SwitchOutput };
}
const chromaPost = async (path: string, body: unknown) => {
  const response = await fetch(`${chroma.url}${COLLECTIONS}/${id}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.ok(response.ok, await response.text());
};

describe('switch', () => {
  it('goes to no database in which nothing is live', async () => {
    const { code, said } = await switching('--to', 'postgresql', '--target', postgres.url);
    assert.equal(code, 1);
    assert.deepEqual([said.safe, said.written], [false, false]);
    assert.match(await readFile(config(), 'utf8'), /vector_store: chromadb/);
  });

  it('goes to Postgres once all that is live is verified, for one environment only', async () => {
    const migrated = await runJsonCommand(['migrate', ...both(), '--store', join(folder, 'store')]);
    assert.equal(migrated.code, 0, migrated.stderr);
    const before = await readFile(config(), 'utf8');
    const asked = ['--to', 'postgresql', '--target', postgres.url, '--environment', 'production'];
    const looked = await switching(...asked, '--dry-run');
    assert.deepEqual([looked.code, looked.said.safe, looked.said.written], [0, true, false]);
    const { code, said } = await switching(...asked);
    assert.deepEqual([code, said.written, said.kept, said.checks.length], [0, true, null, 2]);
    assert.equal(await readFile(config(), 'utf8'), before);
    assert.match(await readFile(said.file, 'utf8'), /vector_store: postgresql/);
    assert.equal(said.file, join(folder, 'config', 'production.yaml'));
    assert.equal((await switching(...asked)).said.written, false);
  });

  it('goes back if Chroma holds what it held, and says how many records that are', async () => {
    const { code, said } = await switching('--to', 'postgresql', '--target', postgres.url);
    assert.deepEqual([code, said.kept], [0, `${config()}.before-switch`]);
    const back = ['switch', '--config', config(), '--to', 'chromadb', ...both()];
    const { code: safe, stdout } = await runCommand([...back, '--quiet']);
    assert.equal(safe, 0, stdout);
    assert.match(stdout, /docs: Chroma holds what it held \(120 records, checksum equal\)/);
    assert.match(stdout, /notes: .*\(10 records/);
    assert.match(stdout, /The rollback is safe/);
    assert.match(
      await readFile(config(), 'utf8'),
      /^# ours\nserver: \{port: 8080\}\nstorage:\n {2}vector_store: chromadb/,
    );
  });

  it('goes back to no Chroma that has changed in one record, unless it is told to', async () => {
    assert.equal((await switching('--to', 'postgresql', '--target', postgres.url)).code, 0);
    await chromaPost('update', { ids: ['record-7'], documents: ['something else'] });
    const { code, said } = await switching('--to', 'chromadb', ...both());
    assert.deepEqual([code, said.safe, said.written], [1, false, false]);
    assert.match(said.checks.join(), /docs: Chroma holds 120 records as it did, and other content/);
    assert.match(said.checks.join(), /✅ notes/);
    await chromaPost('delete', { ids: ['record-7'] });
    const forced = await switching('--to', 'chromadb', ...both(), '--force');
    assert.deepEqual([forced.code, forced.said.safe, forced.said.written], [0, false, true]);
    assert.match(forced.said.checks.join(), /docs: Chroma holds 119 records and held 120/);
  });

  it('says what was written to Postgres since, which Chroma does not have', async () => {
    const client = new pg.Client(postgres.url);
    await client.connect();
    await client.query(`update notes.documents set content = 'new' where source_id = 'record-1'`);
    await client.end();
    const { said } = await switching('--to', 'chromadb', ...both(), '--dry-run');
    assert.match(said.checks.join(), /notes: Postgres was written to since \(10 records/);
  });

  it('and a rollback of a collection says whether Chroma is still what is live again', async () => {
    const again = await runJsonCommand(['migrate', ...both(), '--store', join(folder, 'store')]);
    assert.equal(again.code, 0, again.stderr);
    const rollingBack = ['rollback', '--target', postgres.url, '--collection', 'docs'];
    const first = await runCommand([...rollingBack, '--source', chroma.url]);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /docs: Chroma holds 119 records and held 120/);
    const second = await runCommand([...rollingBack, '--source', chroma.url]);
    assert.match(second.stdout, /docs: Chroma holds what it held \(119 records, checksum equal\)/);
  });

  it('back is as safe after an update in place, and with records that were repaired', async () => {
    const migrate = ['migrate', ...both(), '--store', join(folder, 'store')];
    await chromaPost('update', { ids: ['record-8'], documents: ['newer'] });
    const back = ['--to', 'chromadb', ...both(), '--dry-run'];
    const before = await switching(...back);
    assert.match(before.said.checks.join(), /❌ docs: Chroma holds 119 records as it did/);
    const updated = await runJsonCommand([...migrate, '--update-existing']);
    assert.equal(updated.code, 0, updated.stderr);
    const after = await switching(...back);
    assert.deepEqual([after.code, after.said.safe], [0, true], after.said.checks.join());

    await chromaPost('update', { ids: ['record-9'], documents: ['nul \0 within'] });
    const repaired = await runJsonCommand([...migrate, '--on-reject', 'repair']);
    assert.equal(repaired.code, 0, repaired.stderr);
    const still = await switching(...back);
    assert.deepEqual([still.code, still.said.safe], [0, true], still.said.checks.join());
  });
});
