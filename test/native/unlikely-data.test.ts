/**
 * What the servers at hand do not take, and others may hold: lone surrogates, vectors that are missing or of another
 * dimension, numbers beyond numeric, sparse vectors. A server of a few lines sends them; each policy is kept.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RejectPolicy, RejectReason } from '../../src/contract.ts';
import { startServer, type TestServer } from '../command-line/servers.ts';
import { reportInProcess } from '../fixtures/migrate-in-process.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { psql } from '../fixtures/psql.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

/** As Chroma Cloud writes it; the servers at hand refuse it (1.0.0: 422, 1.5.9: 501). */
const SPARSE =
  '{"bm25":{"#type":"sparse_vector","indices":[0,7,29999],"values":[0.5,-1.0,1e-7],"tokens":["a","b","ä"]}}';

/** A record's members in JSON text, and why it cannot arrive; null if it can. */
const RECORDS: Record<string, [string, string, string, string, RejectReason | null]> = {
  sound: ['[1,2,3]', '"\\ud83d\\ude00"', '{"n":1.0}', 'null', null],
  document: ['[1,2,3]', '"half \\ud83d"', 'null', 'null', 'lone-surrogate'],
  key: ['[1,2,3]', 'null', '{"\\ude00":1}', 'null', 'lone-surrogate'],
  uri: ['[1,2,3]', 'null', 'null', '"s3://\\ude00\\ud83d"', 'lone-surrogate'],
  missing: ['null', '"text"', '{}', 'null', 'embedding-missing'],
  short: ['[1,2]', '"text"', '{}', 'null', 'wrong-dimension'],
  long: ['[1,2,3,4]', '"text"', '{}', 'null', 'wrong-dimension'],
  null: ['[1,null,3]', '"text"', '{}', 'null', 'embedding-not-finite'],
  number: ['[1,2,3]', '"text"', '{"n":1e20000}', 'null', 'metadata-too-large'],
  sparse: ['[1,1,1]', 'null', SPARSE, 'null', null],
  last: ['[3,2,1]', '""', '{}', '"x"', null],
};
const IDS = Object.keys(RECORDS);
const COLLECTION = '6d1b6a8e-3f59-4d5f-9c5b-0a6a5d0e5a11';

function answer(path: string, body: { offset?: number; limit?: number; ids?: string[] }): string {
  if (path.endsWith('/version')) return '"1.0.0"';
  if (path.endsWith('/identity')) return '{"tenant":"default_tenant"}';
  if (path.endsWith('/databases')) return '[{"name":"default_database"}]';
  if (path.endsWith('/collections')) return `[{"id":"${COLLECTION}","name":"docs","dimension":3}]`;
  if (path.endsWith('/count')) return String(IDS.length);
  if (path.endsWith('/query')) return '{"ids":[[]],"distances":[[]]}';
  const { offset = 0, limit = IDS.length } = body;
  const ids = body.ids ?? IDS.slice(offset, offset + limit);
  const column = (member: 0 | 1 | 2 | 3) => ids.map((id) => RECORDS[id]![member]);
  return `{"ids":${JSON.stringify(ids)},"embeddings":[${column(0)}],"documents":[${column(1)}],
    "metadatas":[${column(2)}],"uris":[${column(3)}]}`;
}

describe('data that no server at hand takes', {
  skip: !process.env.DATABASE_URL && 'needs a native server',
}, () => {
  let chroma: TestServer;
  let postgres: TestPostgres;
  let store: string;
  before(async () => {
    chroma = await startServer(async (request, response) => {
      let body = '';
      for await (const piece of request) body += piece;
      response.end(answer((request.url ?? '').split('?')[0]!, body === '' ? {} : JSON.parse(body)));
    });
    postgres = await startTestPostgres();
    store = await temporaryFolder('unlikely-');
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  const migrate = (onReject: RejectPolicy) =>
    reportInProcess({ chroma: chroma.url, target: postgres.url, store }, 'unlikely', { onReject });
  const expected = IDS.flatMap((id) => (RECORDS[id]![4] === null ? [] : [[id, RECORDS[id]![4]]]));

  for (const onReject of ['fail', 'repair'] as const)
    it(`is not published under ${onReject}: nobody knows what it should be`, async () => {
      const report = await migrate(onReject);
      assert.equal(report.error?.name, 'RecordsRejected', JSON.stringify(report.error));
      assert.match(
        report.error?.message ?? '',
        /8 records cannot arrive as they are: .*"document" \(lone-surrogate\)/,
      );
      const listed = await psql(
        postgres.url,
        'select source_id, reason from chroma_migration.rejects order by record_offset',
      );
      assert.deepEqual(listed, expected);
      assert.deepEqual(await psql(postgres.url, `select to_regclass('docs.documents')`), [[null]]);
    });

  it('is left out under quarantine, and kept in the ledger as it was sent', async () => {
    const report = await migrate('quarantine');
    assert.equal(report.status, 'succeeded', JSON.stringify(report.error));
    assert.deepEqual(
      await psql(
        postgres.url,
        'select source_id, content, metadata, uri from docs.documents order by uri nulls first, source_id',
      ),
      [
        ['sound', '\u{1f600}', '{"n": 1.0}', null],
        [
          'sparse',
          null,
          '{"bm25": {"#type": "sparse_vector", "tokens": ["a", "b", "ä"], "values": [0.5, -1.0, 0.0000001], "indices": [0, 7, 29999]}}',
          null,
        ],
        ['last', '', '{}', 'x'],
      ],
    );
    const kept = await psql(postgres.url, 'select source_id, record from chroma_migration.rejects');
    assert.equal(kept.length, expected.length);
    for (const [id, record] of kept) {
      const [embedding, document, metadata, uri] = RECORDS[id as string]!;
      assert.equal(
        record,
        `{"id":"${id}","document":${document},"metadata":${metadata},"uri":${uri},"embedding":${embedding}}`,
      );
    }
  });
});
