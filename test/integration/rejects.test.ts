/** Records that Postgres cannot hold as they are. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import type { Reject } from '../../src/contract.ts';
import type { RunReport } from '../../src/report/report.ts';
import { keys } from '../../src/store/keys.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { createCollection, sendText } from '../fixtures/chroma-api.ts';
import { runCommand, runJsonCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertSameRecords, recordsOfChroma, recordsOfPostgres } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

/** Chroma takes in base64 what JSON numbers cannot say, and answers null for it. */
const base64 = (...components: number[]) =>
  JSON.stringify(Buffer.from(new Float32Array(components).buffer).toString('base64'));

/** What is added, one record a request, and why it cannot arrive. JSON text, for JSON.stringify cannot write it all. */
const REJECTS = {
  'nul\0in id': [String.raw`"ids": ["nul\u0000in id"], "embeddings": [[1, 1, 1]]`, 'nul-in-id'],
  'in document': [
    String.raw`"ids": ["in document"], "embeddings": [[1, 1, 1]], "documents": ["a\u0000b"]`,
    'nul-in-document',
  ],
  'in value': [
    String.raw`"ids": ["in value"], "embeddings": [[1, 1, 1]], "metadatas": [{"k": "a\u0000b"}]`,
    'nul-in-metadata',
  ],
  'in key': [
    String.raw`"ids": ["in key"], "embeddings": [[1, 1, 1]], "metadatas": [{"k\u0000y": 1}]`,
    'nul-in-metadata',
  ],
  'in uri': [String.raw`"ids": ["in uri"], "embeddings": [[1, 1, 1]], "uris": ["a\u0000b"]`, 'nul-in-uri'],
  'not a number': [
    `"ids": ["not a number"], "embeddings": [${base64(Number.NaN, 1, 2)}]`,
    'embedding-not-finite',
  ],
  infinite: [
    `"ids": ["infinite"], "embeddings": [${base64(1, Number.POSITIVE_INFINITY, 2)}]`,
    'embedding-not-finite',
  ],
  // Its square is no float32, so its norm is infinite and the normalised vector is nulls.
  'too long': ['"ids": ["too long"], "embeddings": [[1e38, 1e38, 1e38]]', 'embedding-not-finite'],
} as const;

const GOOD = 300;

describe('records that cannot arrive as they are', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let store: string;
  let awkward: string;

  const migrate = (...more: string[]) =>
    runJsonCommand([
      ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store],
      ...['--run', 'strict', ...more],
    ]);

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    store = await temporaryFolder('rejects-');
    await fillCollection(chroma.url, { name: 'sound', dimension: 8, records: 50 });
    awkward = await createCollection(chroma.url, 'awkward', { space: 'cosine' });
    for (const [body] of Object.values(REJECTS)) await add(`{${body}}`);
    const ids = Array.from({ length: GOOD }, (_, at) => `good ${at}`);
    await add(JSON.stringify({ ids, embeddings: ids.map((_, at) => [1, at + 1, 2]) }));
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  it('keep the whole run from publishing, and are listed with their reasons', async () => {
    const { code, json, stderr } = await migrate();
    assert.equal(code, 1);
    assert.deepEqual([json.status, json.error?.name], ['failed', 'RecordsRejected']);
    assert.match(stderr, /8 records cannot arrive as they are.*--on-reject quarantine/);
    for (const [id, [, reason]] of Object.entries(REJECTS))
      assert.ok(stderr.includes(`"${JSON.stringify(id).slice(1, -1)}" (${reason})`), `${id} in ${stderr}`);
    assert.deepEqual(
      json.collections.map(({ collection, rejected, published }) => [collection, rejected, published]),
      [
        ['awkward', 8, false],
        ['sound', 0, false],
      ],
    );
    assert.deepEqual(await liveSchemas(), []);
  });

  it('lie in the store as Chroma sent them', async () => {
    const lines = (await readFile(join(store, keys.rejects('strict', 'awkward', 0)), 'utf8'))
      .trim()
      .split('\n');
    const rejects = lines.map((line) => JSON.parse(line) as Reject);
    const { text } = await sendText(
      chroma.url,
      'POST',
      `/${awkward}/get`,
      JSON.stringify({ limit: 100, include: ['documents', 'metadatas', 'uris', 'embeddings'] }),
    );
    const said = JSON.parse(text);
    assert.equal(rejects.length, Object.keys(REJECTS).length);
    for (const { record, offset, reason } of rejects) {
      const { id, ...kept } = JSON.parse(record);
      assert.equal(id, said.ids[offset]);
      assert.equal(reason, REJECTS[id as keyof typeof REJECTS][1]);
      assert.deepEqual(kept, {
        document: said.documents[offset],
        metadata: said.metadatas[offset],
        uri: said.uris[offset],
        embedding: said.embeddings[offset],
      });
    }
  });

  it('are left out, and said so, when the run goes on with --on-reject quarantine', async () => {
    const { code, stdout } = await runCommand([
      ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store, '--quiet'],
      ...['--run', 'strict', '--on-reject', 'quarantine'],
    ]);
    assert.equal(code, 0);
    assert.match(stdout, /Rejected records \(8\):/);
    assert.match(stdout, /"in document": The document holds a NUL character/);
    const report = JSON.parse(await readFile(join(store, keys.reportJson('strict')), 'utf8')) as RunReport;
    assert.deepEqual(
      report.collections.map((one) => [
        ...[one.plan.schema, one.plan.records, one.loaded, one.rejected, one.published],
      ]),
      [
        ['awkward', GOOD + 8, GOOD, 8, true],
        ['sound', 50, 50, 0, true],
      ],
    );
    const html = await readFile(join(store, keys.reportHtml('strict')), 'utf8');
    assert.ok(html.includes('The document holds a NUL character'));

    const expected = await recordsOfChroma(chroma.url, awkward);
    for (const id of Object.keys(REJECTS)) assert.ok(expected.delete(id), id);
    assertSameRecords(await recordsOfPostgres(postgres.url, 'awkward'), expected);
  });

  it('do not keep `verify` from finding what was published to be what Chroma holds', async () => {
    const { code, stdout, stderr } = await runCommand([
      ...['verify', '--source', chroma.url, '--target', postgres.url, '--json'],
    ]);
    assert.equal(code, 0, stdout + stderr);
  });

  async function add(body: string): Promise<void> {
    const { status, text } = await sendText(chroma.url, 'POST', `/${awkward}/add`, body);
    if (status >= 300) throw new Error(`${status} ${text}: ${body}`);
  }

  async function liveSchemas(): Promise<string[]> {
    const client = new pg.Client(postgres.url);
    await client.connect();
    const { rows } = await client.query(
      `select schemaname as schema from pg_tables where tablename = 'documents' and schemaname !~ '__incoming$'`,
    );
    await client.end();
    return rows.map(({ schema }) => schema);
  }
});
