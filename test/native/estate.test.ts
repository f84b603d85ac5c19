/**
 * Many small collections in one run: more than are prepared or published in one transaction. ESTATE tries more, for one
 * 10,000, and ESTATE_SOURCE names the server that holds them, or is to: docs/scale.md says how it is started.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { PAYLOAD_BYTES } from '../../local/state-machine/limits.ts';
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
/** Functions that run at a time are as many as there are cores, or two; each keeps its connection for a while. */
const MOST_CONNECTIONS = 6 * Math.max(2, availableParallelism());
/** Of an estate of any size: what a person reads is cut, and report.json has it all. */
const MOST_HTML_BYTES = 1024 * 1024;

/** Looks every now and then how many connections the migration has. */
async function watchConnections(url: string): Promise<{ stop(): Promise<number> }> {
  const client = new pg.Client(url);
  await client.connect();
  const ended = new AbortController();
  const watching = (async () => {
    let most = 0;
    while (!ended.signal.aborted) {
      const { rows } = await client.query(
        `select count(*)::int as now from pg_stat_activity
          where datname = current_database() and application_name like 'chroma-to-pgvector%'`,
      );
      most = Math.max(most, rows[0].now);
      await sleep(100, undefined, { signal: ended.signal }).catch(() => undefined);
    }
    return most;
  })();
  return {
    async stop() {
      ended.abort();
      return watching.finally(() => client.end());
    },
  };
}

describe('an estate of small collections', () => {
  let chroma: Pick<TestChroma, 'url' | 'stop'>;
  let postgres: TestPostgres;

  before(async () => {
    const given = process.env.ESTATE_SOURCE;
    [chroma, postgres] = await Promise.all([
      given ? { url: given, stop: async () => undefined } : startTestChroma(),
      startTestPostgres(),
    ]);
    const estate = { collections: COLLECTIONS, records: RECORDS, dimension: 32 };
    await fillEstate(chroma.url, { ...estate, onDisk: given !== undefined });
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  it(`of ${COLLECTIONS} goes through in one run: each is verified and published`, async (context) => {
    const store = await temporaryFolder('estate-');
    const places = ['--source', chroma.url, '--target', postgres.url, '--store', store];
    const connections = await watchConnections(postgres.url);
    const { code, json, stdout, stderr } = await runJsonCommand(['migrate', ...places]);
    const most = await connections.stop();
    assert.equal(code, 0, stderr);
    // As many functions as work at a time, each with a connection or two, however many collections there are.
    assert.ok(most > 0 && most <= MOST_CONNECTIONS, `${most} connections`);
    assert.equal(json.collections.length, COLLECTIONS);
    // Each batch is a child of the maps: there are a few for each core, or a hundred collections in each.
    for (const list of [keys.shardBatches(json.run), keys.collectionBatches(json.run)]) {
      const batches = JSON.parse(await readFile(join(store, list), 'utf8')) as Batch<CollectionItem>[];
      assert.equal(
        new Set(batches.flatMap(({ items }) => items.map(({ schema }) => schema))).size,
        COLLECTIONS,
      );
      assert.ok(batches.length <= Math.max(4 * availableParallelism(), Math.ceil(COLLECTIONS / 100)), list);
      // A batch is a child's input: the runner, too, ends a run whose payload or history is over Step Functions' limits.
      const payloads = batches.map((batch) => Buffer.byteLength(JSON.stringify(batch)));
      assert.ok(Math.max(...payloads) < PAYLOAD_BYTES / 1.5, `${Math.max(...payloads)} bytes`);
    }
    for (const { collection, loaded, published, checksum } of json.collections) {
      assert.deepEqual([loaded, published], [RECORDS, true], collection);
      assert.equal(checksum.target, checksum.source, collection);
    }
    // What is true of each of them is said once.
    assert.ok(stderr.split('\n').length < 20, stderr);
    const html = await readFile(join(store, keys.reportHtml(json.run)), 'utf8');
    assert.ok(html.length < MOST_HTML_BYTES, `report.html of ${html.length} bytes`);
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
    const each = ((json.seconds.total / COLLECTIONS) * 1000).toFixed(0);
    const { export: exporting, index, verify, total } = json.seconds;
    context.diagnostic(
      `${each} ms a collection: of ${Math.round(total)} s ${Math.round(exporting)} to export, ${Math.round(index)} to index, ${Math.round(verify)} to verify`,
    );
    context.diagnostic(
      `${most} connections at a time; bytes of --json ${stdout.length}, of report.html ${html.length}`,
    );
  });
});
