/** The whole way: a real Chroma server, the command line, the bundles, a real Postgres. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { addAwkwardCollection } from '../fixtures/awkward-records.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { collectionId, createCollection, nearest } from '../fixtures/chroma-api.ts';
import { type RunJson, runJsonCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertArrived, recordsOfChroma } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

/** The embedded database builds an index of 50,000 vectors in a minute, the native one has two cores for it. */
const RECORDS = process.env.DATABASE_URL ? { text: 50_000, large: 5_000 } : { text: 6_000, large: 600 };

describe('the whole flow', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let client: pg.Client;
  let json: RunJson;
  let code: number | null;

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    await fillCollection(chroma.url, {
      name: 'text',
      dimension: 384,
      records: RECORDS.text,
      space: 'cosine',
      // More candidates than a cluster has records: fewer may all be of another cluster than the nearest.
      hnsw: { ef_search: 1000 },
    });
    await fillCollection(chroma.url, { name: 'large', dimension: 1536, records: RECORDS.large, space: 'l2' });
    await fillCollection(chroma.url, { name: 'dot', dimension: 32, records: 500, space: 'ip' });
    await createCollection(chroma.url, 'Never.Filled');
    await addAwkwardCollection(chroma.url, 'awkward');
    const store = await temporaryFolder('flow-store-');
    // 4 MB of vectors a shard: ten shards and more, so that their borders are crossed and two are under way.
    const places = ['--source', chroma.url, '--target', postgres.url, '--store', store];
    const options = ['--shard-bytes', RECORDS.text > 10_000 ? '8MB' : '1MB', '--concurrency', '3'];
    ({ json, code } = await runJsonCommand(['migrate', ...places, ...options]));
    client = new pg.Client(postgres.url);
    await client.connect();
  });
  after(async () => {
    await client?.end();
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  const outcome = (collection: string) => json.collections.find((one) => one.collection === collection)!;

  it('ends with exit code 0 and says that everything is published', () => {
    assert.deepEqual(
      { code, status: json.status, error: json.error },
      { code: 0, status: 'succeeded', error: null },
    );
    assert.deepEqual(
      json.collections.map(({ collection, published }) => [collection, published]),
      [
        ['Never.Filled', true],
        ['awkward', true],
        ['dot', true],
        ['large', true],
        ['text', true],
      ],
    );
  });

  it('prints exactly the keys that scripts were promised', () => {
    assert.deepEqual(Object.keys(json), [
      'run',
      'status',
      'error',
      'collections',
      'seconds',
      'report',
      'store',
    ]);
    assert.deepEqual(Object.keys(json.collections[0]!), [
      ...[
        'tenant',
        'database',
        'collection',
        'schema',
        'dimension',
        'space',
        'records',
        'loaded',
        'rejected',
      ],
      ...['vanished', 'unexplained', 'changes', 'delta', 'checksum', 'recallAt10', 'indexes', 'published'],
    ]);
    assert.deepEqual(Object.keys(json.seconds), ['total', 'export', 'import', 'index', 'verify']);
    for (const seconds of Object.values(json.seconds)) assert.ok(seconds > 0, JSON.stringify(json.seconds));
  });

  for (const [collection, records] of [
    ['text', RECORDS.text],
    ['large', RECORDS.large],
    ['dot', 500],
  ] as const)
    it(`brings every record of "${collection}" over, bit for bit`, async () => {
      assert.equal(await assertArrived(await place(collection)), records);
      const { loaded, rejected, checksum } = outcome(collection);
      assert.deepEqual({ loaded, rejected }, { loaded: records, rejected: 0 });
      assert.match(checksum.source!, /^\d+$/);
      assert.equal(checksum.target, checksum.source);
    });

  it('brings ids, texts, numbers and vectors over that are hard to carry', async () => {
    assert.ok((await assertArrived(await place('awkward'))) > 25);
  });

  it('keeps a record id that is a UUID as the row id, and tells upper case from lower', async () => {
    const { rows } = await client.query(
      `select id, source_id from awkward.documents where lower(source_id) = $1 order by source_id`,
      ['0c9d3f0e-5c1a-4f51-9a55-0d2b6c1f7a10'],
    );
    assert.equal(rows.length, 2);
    assert.equal(rows.find((row) => row.source_id === row.id)?.id, '0c9d3f0e-5c1a-4f51-9a55-0d2b6c1f7a10');
  });

  it("fills the guide's columns from metadata of the right type only", async () => {
    const { rows } = await client.query(
      `select file_path, chunk_index, start_line, end_line, language from awkward.documents
        where source_id in ('metadata 1', 'metadata 2') order by source_id`,
    );
    assert.deepEqual(rows, [
      { file_path: 'src/a.ts', chunk_index: 3, start_line: 1, end_line: 40, language: 'typescript' },
      { file_path: null, chunk_index: null, start_line: null, end_line: null, language: null },
    ]);
  });

  it('makes an empty schema of an empty collection', async () => {
    const { schema, records, loaded, recallAt10 } = outcome('Never.Filled');
    assert.deepEqual(
      { schema, records, loaded, recallAt10 },
      { schema: 'never_filled', records: 0, loaded: 0, recallAt10: null },
    );
    const { rows } = await client.query('select count(*)::int as count from never_filled.documents');
    assert.equal(rows[0].count, 0);
    const found = await client.query(`select * from never_filled.search_similar('[1, 2, 3]'::vector, 5)`);
    assert.equal(found.rowCount, 0);
  });

  it("finds at least 95 of 100 nearest through the index, and says Chroma's space", () => {
    for (const [collection, space] of Object.entries({ text: 'cosine', large: 'l2', dot: 'ip' })) {
      assert.equal(outcome(collection).space, space);
      assert.ok(outcome(collection).recallAt10! >= 0.95, `${collection}: ${outcome(collection).recallAt10}`);
    }
  });

  it('lists the indexes that stand', async () => {
    for (const { schema, indexes } of json.collections) {
      const { rows } = await client.query(
        `select indexname as name from pg_indexes where schemaname = $1
            and tablename in ('documents', 'embeddings') order by 1`,
        [schema],
      );
      assert.deepEqual(
        indexes,
        rows.map(({ name }) => name),
      );
    }
    const { rows } = await client.query(
      `select schemaname as schema from pg_indexes where indexdef ~ 'USING hnsw' and tablename = 'embeddings' order by 1`,
    );
    assert.deepEqual(
      rows.map(({ schema }) => schema),
      ['awkward', 'dot', 'large', 'text'],
    );
  });

  for (const collection of ['text', 'large', 'dot'])
    it(`answers searches of "${collection}" with Chroma's own distances`, async () => {
      const id = await collectionId(chroma.url, collection);
      const { embedding } = [...(await recordsOfChroma(chroma.url, id)).values()][17]!;
      const theirs = await nearest(chroma.url, id, [...embedding], 10);
      const query = `[${embedding.join()}]`;
      const ours = await client.query(
        `select source_id, distance from ${collection}.search_nearest($1::vector, 10)`,
        [query],
      );
      const distances = new Map(ours.rows.map((row) => [row.source_id, row.distance]));
      const common = theirs.ids.filter((record) => distances.has(record));
      assert.ok(common.length >= 9, `${common.length} of Chroma's 10 nearest`);
      for (const [at, record] of theirs.ids.entries()) {
        const distance = distances.get(record);
        if (distance === undefined) continue;
        const scale = Math.max(1, Math.abs(theirs.distances[at]!));
        assert.ok(
          Math.abs(distance - theirs.distances[at]!) / scale < 1e-5,
          `${distance}, ${theirs.distances[at]}`,
        );
      }
      const similar = await client.query(
        `select d.source_id, s.similarity from ${collection}.search_similar($1::vector, 10) s
           join ${collection}.documents d on d.id = s.document_id`,
        [query],
      );
      assert.deepEqual(
        similar.rows.map((row) => row.source_id),
        ours.rows.map((row) => row.source_id),
      );
      const similarities = similar.rows.map((row) => row.similarity as number);
      assert.deepEqual(
        similarities,
        similarities.toSorted((a, b) => b - a),
      );
    });

  it('leaves a report for people and one for machines', async () => {
    const html = await readFile(json.report, 'utf8');
    assert.match(html, /^<!doctype html>/i);
    assert.ok(html.includes(json.run));
    const report = JSON.parse(await readFile(json.report.replace(/html$/, 'json'), 'utf8'));
    assert.equal(report.status, 'succeeded');
    assert.equal(report.collections.length, 5);
  });

  const place = async (collection: string) => ({
    chroma: chroma.url,
    collectionId: await collectionId(chroma.url, collection),
    target: postgres.url,
    schema: outcome(collection).schema,
  });
});
