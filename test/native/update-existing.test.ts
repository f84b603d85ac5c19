/** Live tables are brought up to date with a source that has changed since they were published. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { keys } from '../../src/store/keys.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { addRecords, deleteRecords, updateRecords } from '../fixtures/chroma-api.ts';
import { runCommand, runJsonCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import {
  assertArrived,
  assertSameRecords,
  type OracleRecord,
  recordsOfChroma,
  recordsOfPostgres,
} from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { rewritten, rowVersions } from '../fixtures/row-versions.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const DIMENSION = 64;
/** Several shards of at most 256 records. */
const RECORDS = 700;

describe('live tables', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let client: pg.Client;
  let id: string;
  let store: string;
  let first: Map<string, OracleRecord>;

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    store = await temporaryFolder('update-');
    id = await fillCollection(chroma.url, { name: 'docs', dimension: DIMENSION, records: RECORDS });
    first = await recordsOfChroma(chroma.url, id);
    client = new pg.Client(postgres.url);
    await client.connect();
    const { code, stderr } = await migrate('whole');
    assert.equal(code, 0, stderr);
  });
  after(async () => {
    await client?.end();
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  it('are not written to where nothing has changed', async () => {
    const before = await rowVersions(client);
    const { code, json, stderr } = await migrate('same', '--update-existing', '--delete-missing');
    assert.equal(code, 0, stderr);
    const none = { count: 0, ids: [] };
    assert.deepEqual(json.collections[0]!.delta, {
      ...{ unchanged: RECORDS, added: none, changed: none, missing: none, deleted: true, kept: 0 },
    });
    assert.equal(json.collections[0]!.published, true);
    assert.deepEqual(await rowVersions(client), before);
  });

  it('take over what was added and changed, keep what Chroma has deleted, and say what it is', async () => {
    await deleteRecords(chroma.url, id, ['record-0', 'record-400']);
    await updateRecords(chroma.url, id, {
      ids: ['record-5', 'record-6', 'record-699'],
      documents: ['another text', 'and another', 'and one more'],
      // The two exchange their places in a file, which has a unique key.
      metadatas: [{ file_path: 'a', chunk_index: 2 }, { file_path: 'a', chunk_index: 1 }, { year: 2026 }],
      embeddings: [5, 6, 7].map((component) => Array(DIMENSION).fill(component)),
    });
    await addRecords(chroma.url, id, { ids: ['new'], embeddings: [Array(DIMENSION).fill(0.5)] });
    const before = await rowVersions(client);
    const { code, json, stderr } = await migrate('kept', '--update-existing');
    assert.equal(code, 0, stderr);
    const [collection] = json.collections;
    assert.deepEqual(collection!.delta, {
      unchanged: RECORDS - 5,
      added: { count: 1, ids: ['new'] },
      changed: { count: 3, ids: ['record-5', 'record-6', 'record-699'] },
      missing: { count: 2, ids: ['record-0', 'record-400'] },
      ...{ deleted: false, kept: 2 },
    });
    assert.deepEqual(
      [collection!.records, collection!.loaded, collection!.unexplained],
      [RECORDS - 1, RECORDS - 1, 0],
    );
    assert.equal(collection!.checksum.target, collection!.checksum.source);
    const expected = await recordsOfChroma(chroma.url, id);
    for (const kept of ['record-0', 'record-400']) expected.set(kept, first.get(kept)!);
    assertSameRecords(await recordsOfPostgres(postgres.url, 'docs'), expected);
    const written = rewritten(before, await rowVersions(client));
    assert.deepEqual(written, ['new', 'record-5', 'record-6', 'record-699']);
    const found = await client.query(
      `select source_id from docs.search_nearest(array_fill(0.5::real, array[${DIMENSION}])::vector, 1)`,
    );
    assert.equal(found.rows[0].source_id, 'new');
  });

  it('are held against the update’s certificate without Chroma, record by record', async () => {
    const check = (run: string) =>
      runCommand([
        ...['verify', '--certificate', join(store, keys.certificate(run)), '--target', postgres.url],
      ]);
    const sound = await check('kept');
    assert.equal(sound.code, 0, sound.stdout + sound.stderr);
    const earlier = await check('whole');
    assert.equal(earlier.code, 1);
    assert.match(earlier.stdout, /by now those of run "kept"/);

    const rewrite = (text: string) =>
      client.query('update docs.documents set content = $1 where source_id = $2', [text, 'record-6']);
    await rewrite('tampered');
    const tampered = await check('kept');
    await rewrite('and another');
    assert.equal(tampered.code, 1);
    assert.match(tampered.stdout, /changed: "record-6"\./);

    // A record that the pass has only compared has its id in the lists of its shards.
    await client.query(`create table saved as select * from docs.documents where source_id = 'record-77';
      create table saved_too as select * from docs.embeddings where document_id in (select id from saved);
      delete from docs.documents where source_id = 'record-77'`);
    const missing = await check('kept');
    await client.query(`insert into docs.documents select * from saved;
      insert into docs.embeddings select * from saved_too; drop table saved, saved_too`);
    assert.match(missing.stdout, /missing: "record-77"\./);
  });

  it('lose what Chroma has deleted, on request', async () => {
    const { code, json, stderr } = await migrate('deleted', '--update-existing', '--delete-missing');
    assert.equal(code, 0, stderr);
    assert.deepEqual(json.collections[0]!.delta!.missing, { count: 2, ids: ['record-0', 'record-400'] });
    assert.equal(await assertArrived(place()), RECORDS - 1);
    const { rows } = await client.query(`select nspname from pg_namespace where nspname like 'docs\\_\\_%'`);
    assert.deepEqual(rows, []);
  });

  it('are left as they were when somebody else has written to them', async () => {
    await updateRecords(chroma.url, id, { ids: ['record-9'], documents: ['changed'] });
    await client.query(`create function docs.meddle() returns trigger language plpgsql as
      $$ begin new.content = 'meddled'; return new; end $$`);
    await client.query(
      'create trigger meddle before update on docs.documents for each row execute function docs.meddle()',
    );
    const before = await recordsOfPostgres(postgres.url, 'docs');
    const { code, json, stderr } = await migrate('meddled', '--update-existing');
    assert.equal(code, 1);
    assert.equal(json.error!.name, 'VerificationFailed');
    assert.match(stderr, /differing: "record-9".*left as they were/);
    assertSameRecords(await recordsOfPostgres(postgres.url, 'docs'), before);

    await client.query('drop trigger meddle on docs.documents; drop function docs.meddle');
    const again = await migrate('meddled', '--update-existing');
    assert.equal(again.code, 0, again.stderr);
    assert.equal(await assertArrived(place()), RECORDS - 1);
  });

  it('are made of a collection that has none yet', async () => {
    const fresh = await fillCollection(chroma.url, { name: 'fresh', dimension: 8, records: 50, space: 'ip' });
    const { code, json, stderr } = await migrate('both', '--update-existing');
    assert.equal(code, 0, stderr);
    assert.deepEqual(
      json.collections.map(({ collection, loaded, published, delta }) => [
        collection,
        loaded,
        published,
        delta?.unchanged,
      ]),
      [
        ['docs', RECORDS - 1, true, RECORDS - 1],
        ['fresh', 50, true, undefined],
      ],
    );
    assert.equal(await assertArrived({ ...place(), collectionId: fresh, schema: 'fresh' }), 50);
  });

  it('cannot be told to delete without being told to update', async () => {
    const { code, stderr } = await runCommand([
      ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store, '--delete-missing'],
    ]);
    assert.equal(code, 2);
    assert.match(stderr, /pass --update-existing with --delete-missing/);
  });

  const place = () => ({ chroma: chroma.url, collectionId: id, target: postgres.url, schema: 'docs' });

  const migrate = (run: string, ...options: string[]) =>
    runJsonCommand([
      ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store],
      ...['--shard-bytes', '64k', '--run', run, ...options],
    ]);
});
