/** What cannot arrive as it is: each row of the table in docs/awkward-data.md, under each policy. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import type { RejectPolicy } from '../../src/contract.ts';
import type { MigrationRequest } from '../../src/migration-input.ts';
import type { RunReport } from '../../src/report/report.ts';
import { keys } from '../../src/store/keys.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { createCollection, sendText } from '../fixtures/chroma-api.ts';
import { runCommand } from '../fixtures/command-line.ts';
import { documentedSql } from '../fixtures/documented-sql.ts';
import { type FailingProxy, startFailingProxy } from '../fixtures/failing-proxy.ts';
import { reportInProcess } from '../fixtures/migrate-in-process.ts';
import {
  assertSameRecords,
  type OracleRecord,
  recordsOfChroma,
  recordsOfPostgres,
} from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

/** Chroma takes in base64 what JSON numbers cannot say. */
const base64 = (...components: number[]) =>
  JSON.stringify(Buffer.from(new Float32Array(components).buffer).toString('base64'));

describe('data that cannot arrive as they are', {
  skip: !process.env.DATABASE_URL && 'needs a native server',
}, () => {
  let chroma: TestChroma;
  let proxy: FailingProxy;
  let postgres: TestPostgres;
  let client: pg.Client;
  let store: string;

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    proxy = await startFailingProxy(chroma.url);
    store = await temporaryFolder('awkward-');
    client = new pg.Client(postgres.url);
    await client.connect();
  });
  after(async () => {
    await client?.end();
    await proxy?.stop();
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  /** Migrates one collection and returns the run's report. */
  const migrate = (collection: string, run: string, request: MigrationRequest): Promise<RunReport> =>
    reportInProcess({ chroma: proxy.url, target: postgres.url, store }, run, {
      collections: [collection],
      ...request,
    });

  async function add(id: string, ...bodies: string[]): Promise<void> {
    for (const body of bodies) {
      const { status, text } = await sendText(chroma.url, 'POST', `/${id}/add`, `{${body}}`);
      if (status >= 300) throw new Error(`${status} ${text}: ${body}`);
    }
  }

  const rejectsOf = async (run: string) =>
    (
      await client.query<{ reason: string; source_id: string }>(
        `select reason, source_id from chroma_migration.rejects where run = $1 and repair is null order by record_offset`,
        [run],
      )
    ).rows;

  /** Under `fail` nothing is published; under `quarantine` all but the rejects are. */
  async function assertRejected(
    name: string,
    reasons: Record<string, string>,
    policies: RejectPolicy[] = ['fail', 'repair', 'quarantine'],
  ): Promise<void> {
    for (const onReject of policies) {
      const report = await migrate(name, name, { onReject });
      assert.equal(
        report.status,
        onReject === 'quarantine' ? 'succeeded' : 'failed',
        JSON.stringify(report.error),
      );
      if (report.error) assert.equal(report.error.name, 'RecordsRejected', report.error.message);
      const listed = Object.fromEntries(
        (await rejectsOf(name)).map(({ source_id, reason }) => [source_id, reason]),
      );
      assert.deepEqual(listed, reasons, onReject);
      const { rows } = await client.query('select to_regclass($1) is not null as published', [
        `${name}.documents`,
      ]);
      assert.equal(rows[0].published, onReject === 'quarantine', onReject);
    }
    const { text } = await sendText(chroma.url, 'GET', `/${name}`);
    const expected = await recordsOfChroma(chroma.url, JSON.parse(text).id);
    for (const id of Object.keys(reasons)) assert.ok(expected.delete(id), id);
    assertSameRecords(await recordsOfPostgres(postgres.url, name), expected);
  }

  describe('NUL in a text', () => {
    const withNul: string[] = [
      String.raw`"ids": ["id\u0000"], "embeddings": [[1, 1, 1]], "documents": ["of ␀ and \\u0000"]`,
      String.raw`"ids": ["document"], "embeddings": [[1, 2, 1]], "documents": ["\u0000\u0000a\\\u0000b␀"]`,
      String.raw`"ids": ["uri"], "embeddings": [[1, 1, 3]], "uris": ["\u0000"]`,
      String.raw`"ids": ["metadata"], "embeddings": [[4, 1, 1]], "metadatas": [{"k\u0000": "v\u0000", "n": 9007199254740993}]`,
    ];
    let id: string;

    it('keeps the run from publishing by default, and says how to go on', async () => {
      id = await createCollection(chroma.url, 'nul', { space: 'l2' });
      await add(id, ...withNul, '"ids": ["sound"], "embeddings": [[0, 0, 1]], "documents": ["sound"]');
      const report = await migrate('nul', 'nul', {});
      assert.equal(report.error?.name, 'RecordsRejected');
      assert.match(report.error!.message, /4 records .*--on-reject quarantine or repair/);
    });

    it('becomes U+2400 with --on-reject repair, also when the same run goes on with it, and nothing else changes', async () => {
      const report = await migrate('nul', 'nul', { onReject: 'repair' });
      assert.equal(report.status, 'succeeded', JSON.stringify(report.error));
      assert.deepEqual([report.repaired, report.rejected, report.collections[0]!.loaded], [4, 0, 5]);
      assert.match(report.warnings.join(), /4 records were repaired/);
      const sent = await recordsOfChroma(chroma.url, id);
      const text = (value: string | null) => value?.replaceAll('\0', '␀') ?? null;
      const expected = new Map(
        [...sent].map(([key, record]): [string, OracleRecord] => [
          text(key)!,
          {
            ...record,
            document: text(record.document),
            uri: text(record.uri),
            metadata: record.metadata?.replaceAll('\\u0000', '␀') ?? null,
          },
        ]),
      );
      assertSameRecords(await recordsOfPostgres(postgres.url, 'nul'), expected);
    });

    it('is listed record by record with what Chroma sent, and can be undone: the SQL of the documentation proves it', async () => {
      const { rows } = await client.query(await documentedSql('-- each repair, undone', 'nul'));
      assert.equal(rows.length, 4);
      for (const { can_be_undone } of rows) assert.equal(can_be_undone, true);
      const { rows: kept } = await client.query(
        `select record from chroma_migration.rejects where run = 'nul' and source_id = 'document'`,
      );
      const { text } = await sendText(
        chroma.url,
        'POST',
        `/${id}/get`,
        '{"ids": ["document"], "include": ["documents"]}',
      );
      assert.equal(JSON.parse(kept[0].record).document, JSON.parse(text).documents[0]);
    });

    it('stays verified at any later time, and a change of a repaired record is found by its name', async () => {
      const certified = () =>
        runCommand([
          ...['verify', '--certificate', join(store, keys.certificate('nul')), '--target', postgres.url],
        ]);
      const verify = () =>
        runCommand(['verify', '--source', chroma.url, '--target', postgres.url, '--collections', 'nul']);
      const sound = await verify();
      assert.equal(sound.code, 0, sound.stdout + sound.stderr);
      const asCertified = await certified();
      assert.equal(asCertified.code, 0, asCertified.stdout + asCertified.stderr);
      await client.query(
        `update nul.documents set content = replace(content, '␀', '_') where source_id = 'document'`,
      );
      const changed = await verify();
      assert.equal(changed.code, 1);
      assert.match(changed.stdout + changed.stderr, /changed: "document"/);
      const otherwise = await certified();
      assert.equal(otherwise.code, 1);
      assert.match(otherwise.stdout, /changed: "document"/);
    });

    it('is not repaired where two records or two keys would become one', async () => {
      const clash = await createCollection(chroma.url, 'clash', { space: 'l2' });
      await add(
        clash,
        '"ids": ["a␀"], "embeddings": [[1, 1, 1]]',
        String.raw`"ids": ["a\u0000"], "embeddings": [[2, 1, 1]]`,
        String.raw`"ids": ["keys"], "embeddings": [[3, 1, 1]], "metadatas": [{"k\u0000": 1, "k␀": 2}]`,
        String.raw`"ids": ["other"], "embeddings": [[3, 3, 1]], "documents": ["\u0000"]`,
      );
      const report = await migrate('clash', 'clash', { onReject: 'repair' });
      assert.equal(report.error?.name, 'RecordsRejected');
      assert.deepEqual(
        (await rejectsOf('clash')).map(({ reason }) => reason),
        ['nul-in-id', 'nul-in-metadata'],
      );
      const rest = await migrate('clash', 'clash', { onReject: 'quarantine' });
      assert.deepEqual([rest.repaired, rest.rejected, rest.collections[0]!.loaded], [1, 2, 2]);
    });
  });

  it('null, NaN and infinite components: rejected, for nobody knows what they should be', async () => {
    const id = await createCollection(chroma.url, 'not_finite', { space: 'cosine' });
    await add(
      id,
      `"ids": ["nan"], "embeddings": [${base64(Number.NaN, 1, 2)}]`,
      `"ids": ["infinite"], "embeddings": [${base64(1, Number.NEGATIVE_INFINITY, 2)}]`,
      '"ids": ["overflown"], "embeddings": [[1e38, 1e38, 1e38]]',
      '"ids": ["sound", "zero"], "embeddings": [[1, 2, 3], [0, 0, 0]]',
    );
    const reason = 'embedding-not-finite';
    await assertRejected('not_finite', { nan: reason, infinite: reason, overflown: reason });
  });

  it('values too large for the half precision of an index: rejected before the index build would fail', async () => {
    const id = await createCollection(chroma.url, 'too_large', { space: 'l2' });
    const vector = (first: number) => JSON.stringify([first, ...new Array<number>(2000).fill(0.5)]);
    await add(
      id,
      `"ids": ["too large"], "embeddings": [${vector(65_520)}]`,
      `"ids": ["minus"], "embeddings": [${vector(-1e6)}]`,
      `"ids": ["largest"], "embeddings": [${vector(65_519)}]`,
      `"ids": ["other"], "embeddings": [${vector(1)}]`,
    );
    await assertRejected('too_large', { 'too large': 'too-large-for-index', minus: 'too-large-for-index' });
  });

  it('a page that Chroma cannot deliver: the one record is found and rejected, and all others arrive', async () => {
    const id = await createCollection(chroma.url, 'undeliverable', { space: 'l2' });
    const ids = Array.from({ length: 300 }, (_, at) => `record ${at}`);
    await add(
      id,
      `"ids": ${JSON.stringify(ids)}, "embeddings": ${JSON.stringify(ids.map((_, at) => [at, 1, 1]))},
       "documents": ${JSON.stringify(ids.map((name) => `document of ${name}`))}`,
    );
    proxy.failAt(['record 17', 'record 211']);
    try {
      await assertRejected('undeliverable', { 'record 17': 'undeliverable', 'record 211': 'undeliverable' });
      const { rows } = await client.query(
        `select record::json ->> 'document' as document, detail from chroma_migration.rejects
          where run = 'undeliverable' and source_id = 'record 17'`,
      );
      assert.equal(rows[0].document, 'document of record 17');
      assert.match(rows[0].detail, /Chroma cannot deliver the record: .*missing vector/);
    } finally {
      proxy.failAt([]);
    }
  });

  it('equal guide keys, and paths longer than an index takes: all arrive, and the report says which key was not made', async () => {
    const id = await createCollection(chroma.url, 'guide_keys', { space: 'l2' });
    const twice = '{"file_path": "a.ts", "chunk_index": 1}';
    const long = JSON.stringify({
      file_path: 'x'.repeat(3000),
      blob: 'y'.repeat(1_000_000),
      ['k'.repeat(5000)]: 1,
    });
    await add(
      id,
      `"ids": ["a", "b"], "embeddings": [[1, 1, 1], [2, 2, 2]], "metadatas": [${twice}, ${twice}]`,
      `"ids": ["long"], "embeddings": [[3, 3, 3]], "metadatas": [${long}]`,
    );
    const report = await migrate('guide_keys', 'guide_keys', {});
    assert.equal(report.status, 'succeeded', JSON.stringify(report.error));
    assert.match(
      report.warnings.join('\n'),
      /"guide_keys".*documents_file_path_chunk_index_key.*no two records share/,
    );
    assert.match(report.warnings.join('\n'), /"guide_keys".*idx_documents_file_path.*no file_path is longer/);
    assert.ok(report.collections[0]!.indexes.includes('idx_documents_metadata'));
    assertSameRecords(
      await recordsOfPostgres(postgres.url, 'guide_keys'),
      await recordsOfChroma(chroma.url, id),
    );
  });

  it('zero vectors arrive, and are said to be outside a cosine index', async () => {
    const id = await createCollection(chroma.url, 'zeros', { space: 'cosine' });
    await add(id, '"ids": ["zero", "minus", "one"], "embeddings": [[0, 0, 0], [-0.0, 0, 0], [0, 1, 0]]');
    const report = await migrate('zeros', 'zeros', {});
    assert.equal(report.status, 'succeeded', JSON.stringify(report.error));
    assert.match(report.warnings.join('\n'), /2 records of collection "zeros" with a zero vector/);
    assertSameRecords(await recordsOfPostgres(postgres.url, 'zeros'), await recordsOfChroma(chroma.url, id));
  });
});
