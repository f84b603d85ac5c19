/** A delta pass that is killed at each of its turns and goes on, and the way back behind it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { addRecords, deleteRecords, updateRecords } from '../fixtures/chroma-api.ts';
import { killGroup, runCommand, runJsonCommand, startCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import {
  assertArrived,
  assertSameRecords,
  type OracleRecord,
  recordsOfChroma,
  recordsOfPostgres,
} from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { rowVersions, waitingForLocks } from '../fixtures/row-versions.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const DIMENSION = 64;
/** A dozen shards of at most 256 records. */
const RECORDS = 3_000;
/** Every third record is changed, so that the pass has several shards to move. */
const CHANGED = RECORDS / 3;

const UPDATE = ['--update-existing', '--delete-missing'];

describe('a delta pass', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let client: pg.Client;
  let id: string;
  let store: string;
  /** What Chroma held when the last whole migration read it. */
  let whole: Map<string, OracleRecord>;

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    store = await temporaryFolder('killed-update-');
    id = await fillCollection(chroma.url, { name: 'docs', dimension: DIMENSION, records: RECORDS });
    client = new pg.Client(postgres.url);
    await client.connect();
    for (const run of ['first', 'second']) {
      const { code, stderr } = await runCommand(migrate(run));
      assert.equal(code, 0, stderr);
    }
    whole = await recordsOfChroma(chroma.url, id);
    await change();
  });
  after(async () => {
    await client?.end();
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  it('that is killed while it compares, while it moves and while it publishes goes on to the end', async () => {
    // Whoever publishes waits for this: no pass comes to its end before it is killed.
    const reader = new pg.Client(postgres.url);
    await reader.connect();
    await reader.query('begin; lock table docs.documents in share row exclusive mode');
    await killedWhen(async () => (await shards('digests')) > 1);
    await assertUntouched();
    await killedWhen(async () => (await shards('rows')) > 0);
    await assertUntouched();
    while ((await waitingForLocks(client)) > 0) await sleep(5);
    await killedWhen(async () => (await waitingForLocks(client)) > 0);
    await reader.end();
    await assertUntouched();
    const moved = await shards('rows');

    const { code, json, stderr } = await runJsonCommand(update());
    assert.equal(code, 0, stderr);
    assert.deepEqual(
      Object.entries(json.collections[0]!.delta!).map(([kind, found]) => [kind, countOf(found)]),
      Object.entries({
        ...{
          unchanged: RECORDS - CHANGED - 1,
          added: 1,
          changed: CHANGED,
          missing: 1,
          deleted: true,
          kept: 0,
        },
      }),
    );
    // Nothing was moved twice, and nothing is there twice.
    assert.equal(await shards('rows'), moved);
    assert.equal(await assertArrived(place()), RECORDS);
    const { rows } = await client.query('select count(*)::int as rows from docs.embeddings');
    assert.equal(rows[0].rows, RECORDS);
  });

  it('run once more writes nothing', async () => {
    const before = await rowVersions(client);
    const { code, json, stderr } = await runJsonCommand([...migrate('again'), ...UPDATE]);
    assert.equal(code, 0, stderr);
    assert.equal(json.collections[0]!.delta!.unchanged, RECORDS);
    assert.deepEqual(await rowVersions(client), before);
  });

  it('leaves the way back behind the last whole migration, and forth again to what it made', async () => {
    const back = ['rollback', '--target', postgres.url, '--collection', 'docs'];
    assert.equal((await runCommand(back)).code, 0);
    assertSameRecords(await recordsOfPostgres(postgres.url, 'docs'), whole);
    assert.equal((await runCommand(back)).code, 0);
    assert.equal(await assertArrived(place()), RECORDS);
  });

  const migrate = (run: string) => [
    ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store],
    ...['--shard-bytes', '64k', '--run', run],
  ];
  const update = () => [...migrate('update'), ...UPDATE];
  const place = () => ({ chroma: chroma.url, collectionId: id, target: postgres.url, schema: 'docs' });

  async function change(): Promise<void> {
    const ids = Array.from({ length: CHANGED }, (_, at) => `record-${3 * at + 1}`);
    await updateRecords(chroma.url, id, { ids, documents: ids.map((one) => `${one} says something else`) });
    await deleteRecords(chroma.url, id, ['record-0']);
    await addRecords(chroma.url, id, { ids: ['new'], embeddings: [Array(DIMENSION).fill(0.5)] });
  }

  /** Begins the pass, or goes on with it, and kills it once the condition holds. */
  async function killedWhen(condition: () => Promise<boolean>): Promise<void> {
    const running = startCommand(update());
    const deadline = performance.now() + 120_000;
    while (!(await condition())) {
      assert.ok(performance.now() < deadline, 'what was waited for has not come');
      assert.equal(running.process.exitCode, null, 'it ended before it could be killed');
      await sleep(5);
    }
    killGroup(running.process);
    assert.equal((await running.finished).code, null);
  }

  /** Readers see the tables as they were, until the whole is published. */
  async function assertUntouched(): Promise<void> {
    assertSameRecords(await recordsOfPostgres(postgres.url, 'docs'), whole);
  }

  /** Shards of the pass that are in. */
  async function shards(content: 'digests' | 'rows'): Promise<number> {
    const { rows } = await client.query(
      `select count(*)::int as shards from chroma_migration.shards where run = 'update' and content = $1`,
      [content],
    );
    return rows[0].shards;
  }
});

const countOf = (found: unknown) =>
  typeof found === 'object' && found !== null && 'count' in found ? found.count : found;
