/**
 * Many small collections in one run: more than are prepared or published in one transaction. ESTATE tries more, for one
 * 10,000: Chroma 1.0 then needs a limit of 40,000 open files (docs/awkward-data.md).
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import type { Batch, CollectionItem } from '../../src/contract.ts';
import type { Certificate } from '../../src/report/certificate.ts';
import { keys } from '../../src/store/keys.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { collectionId } from '../fixtures/chroma-api.ts';
import { runCommand, runJsonCommand } from '../fixtures/command-line.ts';
import { fillEstate, userCollection } from '../fixtures/estate.ts';
import { assertArrived } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const COLLECTIONS = Number(process.env.ESTATE ?? 120);
const RECORDS = 50;

describe('an estate of small collections', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    await fillEstate(chroma.url, { collections: COLLECTIONS, records: RECORDS, dimension: 32 });
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  it(`of ${COLLECTIONS} goes through in one run: each is verified and published`, async (context) => {
    const store = await temporaryFolder('estate-');
    const places = ['--source', chroma.url, '--target', postgres.url, '--store', store];
    const { code, json, stderr } = await runJsonCommand(['migrate', ...places]);
    assert.equal(code, 0, stderr);
    assert.equal(json.collections.length, COLLECTIONS);
    // Each batch is a child of the maps: there are a few for each core, or a hundred collections in each.
    for (const list of [keys.shardBatches(json.run), keys.collectionBatches(json.run)]) {
      const batches = JSON.parse(await readFile(join(store, list), 'utf8')) as Batch<CollectionItem>[];
      assert.equal(
        new Set(batches.flatMap(({ items }) => items.map(({ schema }) => schema))).size,
        COLLECTIONS,
      );
      assert.ok(batches.length <= Math.max(4 * availableParallelism(), Math.ceil(COLLECTIONS / 100)), list);
    }
    for (const { collection, loaded, published, checksum } of json.collections) {
      assert.deepEqual([loaded, published], [RECORDS, true], collection);
      assert.equal(checksum.target, checksum.source, collection);
    }
    // What is true of each of them is said once.
    assert.ok(stderr.split('\n').length < 20, stderr);
    const client = new pg.Client(postgres.url);
    await client.connect();
    const { rows } = await client.query(
      'select count(*)::int as live from chroma_migration.published_schemas',
    );
    await client.end();
    assert.equal(rows[0].live, COLLECTIONS);
    const some = json.collections[Math.floor(COLLECTIONS / 2)]!;
    const id = await collectionId(chroma.url, userCollection(Math.floor(COLLECTIONS / 2)));
    const place = { chroma: chroma.url, collectionId: id, target: postgres.url, schema: some.schema };
    assert.equal(await assertArrived(place), RECORDS);
    const file = join(store, keys.certificate(json.run));
    const certified = JSON.parse(await readFile(file, 'utf8')) as Certificate;
    assert.equal(certified.collections.length, COLLECTIONS);
    const { read, loaded, unexplained } = certified;
    assert.deepEqual([read, loaded, unexplained], [COLLECTIONS * RECORDS, COLLECTIONS * RECORDS, 0]);
    const check = await runCommand(['verify', '--certificate', file, '--target', postgres.url]);
    assert.equal(check.code, 0, check.stdout + check.stderr);
    context.diagnostic(`${((json.seconds.total / COLLECTIONS) * 1000).toFixed(0)} ms a collection`);
  });
});
