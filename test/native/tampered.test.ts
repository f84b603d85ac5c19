/** Nothing that differs from what Chroma said goes unnoticed, be it one bit. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type pg from 'pg';
import { certificateOutput } from '../../local/output/schemas.ts';
import { VerificationFailed } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { keys } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/open-store.ts';
import { verifyCollection } from '../../src/verify/verify-collection.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { collectionId } from '../fixtures/chroma-api.ts';
import { runCommand, runJsonCommand } from '../fixtures/command-line.ts';
import { executeUntil } from '../fixtures/execution.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertArrived } from '../fixtures/oracle.ts';
import { assertPublished } from '../fixtures/output-schema.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

/** Each changes the rows of `record-42`, or of `record-41`, which has no document: its name must be told. */
const TAMPERINGS: Record<string, (schema: string) => string> = {
  'the last bit of a component': (schema) =>
    `update ${schema}.embeddings e set embedding = (
       select array_agg(case when at = 3 then nudged(component) else component end order by at)::vector
         from unnest(e.embedding::real[]) with ordinality as parts (component, at))
      where document_id = (select id from ${schema}.documents where source_id = 'record-42')`,
  'a letter of a document': (schema) =>
    `update ${schema}.documents set content = overlay(content placing 'd' from 1) where source_id = 'record-42'`,
  'an empty document where there was none': (schema) =>
    `update ${schema}.documents set content = '' where source_id = 'record-41'`,
  'a number of the metadata': (schema) =>
    `update ${schema}.documents set metadata = metadata || '{"end_line": 81}' where source_id = 'record-42'`,
  'a uri': (schema) => `update ${schema}.documents set uri = 'x' where source_id = 'record-42'`,
  'a record that is gone': (schema) => `delete from ${schema}.documents where source_id = 'record-42'`,
  'a vector that is gone': (schema) =>
    `delete from ${schema}.embeddings
      where document_id = (select id from ${schema}.documents where source_id = 'record-42')`,
  'a record too many': (schema) =>
    `with copied as (
       insert into ${schema}.documents (id, source_id, content, metadata)
       select gen_random_uuid(), 'record-42 again', content, metadata from ${schema}.documents
        where source_id = 'record-42' returning id)
     insert into ${schema}.embeddings (id, document_id, embedding)
     select copied.id, copied.id, embedding from copied, ${schema}.embeddings e
       join ${schema}.documents d on d.id = e.document_id and d.source_id = 'record-42'`,
  'the vectors of two records in each other’s place': (schema) =>
    `update ${schema}.embeddings e set embedding = other.embedding
       from ${schema}.embeddings other
       join ${schema}.documents theirs on theirs.id = other.document_id, ${schema}.documents ours
      where ours.id = e.document_id and ours.source_id <> theirs.source_id
        and ours.source_id in ('record-42', 'record-43') and theirs.source_id in ('record-42', 'record-43')`,
};

/** A column of the guide is no part of the checksum: it is compared with the metadata of its row. */
const GUIDE_COLUMN = (schema: string) =>
  `update ${schema}.documents set start_line = start_line + 1 where source_id = 'record-42'`;

describe('tampered tables', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let database: Database;
  let store: string;
  const run = 'tampered';

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    await fillCollection(chroma.url, {
      ...{ name: 'docs', dimension: 24, records: 600 },
      documents: (index) => (index === 41 ? null : `Document ${index}`),
    });
    database = openDatabase({ url: postgres.url });
    store = await temporaryFolder('tampered-');
    const places = { chroma: chroma.url, target: postgres.url, store, run };
    // 24 dimensions of 4 bytes: 682 records a shard would be one; documents make it no smaller.
    await executeUntil({ ...places, request: { shardBytes: 64 * 1024 } }, 'VerifyCollection');
    await statement(
      // The next float32: one bit more in its binary form.
      `create function nudged(component real) returns real language sql immutable
         as $$ select (component::float8 * (1 + 2 ^ -23))::real $$`,
    );
  });
  after(async () => {
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  for (const [what, tamper] of Object.entries(TAMPERINGS))
    it(`are found before they are published: ${what}`, () =>
      whileTampered(tamper('docs__incoming'), () =>
        assert.rejects(verify(), (error: Error) => {
          assert.ok(error instanceof VerificationFailed, error.stack);
          assert.match(error.message, /"record-4[12]( again)?"/);
          return true;
        }),
      ));

  it('are found in a column of the guide that its metadata does not say', () =>
    whileTampered(GUIDE_COLUMN('docs__incoming'), () => assert.rejects(verify(), /1 rows? .*metadata/)));

  it('are not published by the run that goes on, which names the record', () =>
    whileTampered(TAMPERINGS['the last bit of a component']!('docs__incoming'), async () => {
      const { code, json, stderr } = await migrate();
      assert.equal(code, 1);
      assert.deepEqual(json.error?.name, 'VerificationFailed');
      assert.match(stderr, /"record-42"/);
      assert.deepEqual(
        json.collections.map(({ published }) => published),
        [false],
      );
      assert.equal(await exists('docs.documents'), false);
    }));

  it('are published once they are as Chroma said', async () => {
    const { code, stderr } = await migrate();
    assert.equal(code, 0, stderr);
    const id = await collectionId(chroma.url, 'docs');
    const place = { chroma: chroma.url, collectionId: id, target: postgres.url, schema: 'docs' };
    assert.equal(await assertArrived(place), 600);
  });

  it('are found by `verify` at any later time', async () => {
    const verifyLive = () => runCommand(['verify', '--source', chroma.url, '--target', postgres.url]);
    const sound = await verifyLive();
    assert.equal(sound.code, 0, sound.stdout + sound.stderr);
    await statement(
      `create table sound_documents as table docs.documents;
       create table sound_embeddings as table docs.embeddings`,
    );

    await statement(TAMPERINGS['the last bit of a component']!('docs'));
    await statement(`delete from docs.documents where source_id = 'record-7'`);
    const tampered = await verifyLive();
    assert.equal(tampered.code, 1);
    assert.match(tampered.stdout + tampered.stderr, /changed: "record-42"/);
    assert.match(tampered.stdout + tampered.stderr, /missing: "?record-7"?|missing: "/);
  });

  it('are told by the run’s certificate without Chroma, by name as long as the store is there', async () => {
    await chroma.stop();
    const certificate = join(store, keys.certificate(run));
    const check = (...more: string[]) =>
      runCommand(['verify', '--certificate', certificate, '--target', postgres.url, '--json', ...more]);
    const named = await check();
    assert.equal(named.code, 1, named.stderr);
    assertPublished(certificateOutput, JSON.parse(named.stdout));
    const [finding] = JSON.parse(named.stdout).collections;
    assert.deepEqual(finding.records, { certified: 600, found: 599 });
    assert.deepEqual(finding.differing, { missing: ['record-7'], unexpected: [], changed: ['record-42'] });

    const elsewhere = await check('--store', await temporaryFolder('empty-'));
    assert.equal(elsewhere.code, 1, elsewhere.stderr);
    const [unnamed] = JSON.parse(elsewhere.stdout).collections;
    assert.equal(unnamed.differing, null);
    assert.match(unnamed.mismatches.join(' '), /599 records .* certified were 600 .*cannot be named/);
  });

  it('are as the certificate says once they hold again what was verified', async () => {
    await statement(
      `truncate docs.embeddings, docs.documents;
       insert into docs.documents select * from sound_documents;
       insert into docs.embeddings select * from sound_embeddings`,
    );
    const { code, stdout, stderr } = await runCommand([
      ...['verify', '--certificate', join(store, keys.certificate(run)), '--target', postgres.url],
    ]);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /docs +as certified +600 of 600 +equal/);
  });

  const migrate = () =>
    runJsonCommand([
      ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store, '--run', run],
    ]);
  const verify = async () =>
    verifyCollection(
      { database, store: await openStore(store), log: silentLog },
      { run, schema: 'docs', collection: 'docs' },
    );

  /** Tampers with the incoming tables, looks, and puts back what was imported. */
  async function whileTampered(sql: string, look: () => Promise<void>): Promise<void> {
    await statement(
      `create table saved_documents as table docs__incoming.documents;
       create table saved_embeddings as table docs__incoming.embeddings`,
    );
    try {
      await statement(sql);
      await look();
    } finally {
      await statement(
        `delete from docs__incoming.embeddings; delete from docs__incoming.documents;
         insert into docs__incoming.documents select * from saved_documents;
         insert into docs__incoming.embeddings select * from saved_embeddings;
         drop table saved_documents, saved_embeddings`,
      );
    }
  }

  async function statement(sql: string): Promise<pg.QueryResult> {
    return database.withClient('test', (client) => client.query(sql));
  }

  async function exists(table: string): Promise<boolean> {
    const { rows } = await statement(`select to_regclass('${table}') is not null as exists`);
    return rows[0].exists;
  }
});
