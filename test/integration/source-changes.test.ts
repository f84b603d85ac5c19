/** Somebody writes to Chroma while a run reads it: between its plan and its export, or before it verifies. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { ChromaSource } from '../../src/chroma/chroma-source.ts';
import type { ShardItem } from '../../src/contract.ts';
import { SourceChanged } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { planStep } from '../../src/plan/store-plan.ts';
import { exportShard } from '../../src/shard/export-shard.ts';
import { keys } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { ShardStore } from '../../src/store/store.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { addRecords, deleteRecords } from '../fixtures/chroma-api.ts';
import { runJsonCommand } from '../fixtures/command-line.ts';
import { executeUntil } from '../fixtures/execution.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const DIMENSION = 64;
/** Several shards of at most 256 records. */
const RECORDS = 700;

const remove =
  (...ids: string[]) =>
  (chroma: string, id: string) =>
    deleteRecords(chroma, id, ids);
const add = (chroma: string, id: string) =>
  addRecords(chroma, id, { ids: ['new'], embeddings: [Array(DIMENSION).fill(0.5)] });

const exchange = async (chroma: string, id: string) => {
  await remove('record-300')(chroma, id);
  await add(chroma, id);
};

/** Each shifts the records' places, or leaves fewer than were planned. */
const SHIFTS: Record<string, (chroma: string, id: string) => Promise<unknown>> = {
  'a record of the first shard is deleted': remove('record-3'),
  'the very last record is deleted': remove('record-699'),
  'one is deleted and another added, so that the count is as before': exchange,
  'all are deleted': remove(...Array.from({ length: RECORDS }, (_, at) => `record-${at}`)),
};

describe('a run whose source changes', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  for (const [number, [what, change]] of Object.entries(SHIFTS).entries())
    it(`is noticed by a shard's export: ${what}`, async () => {
      const name = `shifts-${number}`;
      const { store, id } = await planned(name);
      await change(chroma.url, id);

      const source = new ChromaSource({ url: chroma.url });
      const shards = JSON.parse((await store.readText(keys.shards(name))) as string) as ShardItem[];
      assert.ok(shards.length >= 3);
      const ends = await Promise.allSettled(
        shards.map((shard) => exportShard({ chroma: source, store, log: silentLog }, shard)),
      );
      await source.close();
      const errors = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
      assert.ok(errors.length > 0, 'all shards were exported');
      for (const error of errors) assert.ok(error instanceof SourceChanged, error.stack);
    });

  for (const [what, { change, error }] of Object.entries({
    'one is deleted and another added': { change: exchange, error: /^SourceChanged$/ },
    // The planned records are all there, so that their export succeeds; the verification counts again.
    'one is added': { change: add, error: /^(SourceChanged|VerificationFailed)$/ },
  }))
    it(`publishes nothing and says why: ${what}`, async () => {
      const name = what.replaceAll(' ', '_');
      const { store, id } = await planned(name);
      await change(chroma.url, id);
      const { code, json, stderr } = await migrate(name, store.url);
      assert.equal(code, 1);
      assert.match(json.error!.name, error);
      assert.match(stderr, new RegExp(`"${name}"`));
      await assertUnpublished(name);
    });

  it('publishes nothing when the change comes after the export', async () => {
    const name = 'changed-late';
    const id = await fillCollection(chroma.url, { name, dimension: DIMENSION, records: RECORDS });
    const places = { chroma: chroma.url, target: postgres.url, store: await temporaryFolder('changes-') };
    await executeUntil({ ...places, run: name, request: { collections: [name] } }, 'IndexCollections');
    await remove('record-3')(chroma.url, id);

    const { code, json, stderr } = await migrate(name, places.store);
    assert.equal(code, 1);
    assert.equal(json.error!.name, 'VerificationFailed');
    assert.match(stderr, /699 records of "changed-late" and held 700/);
    await assertUnpublished('changed_late');
  });

  /** A collection, and a run that has planned it but exported nothing. Both have the same name. */
  async function planned(name: string): Promise<{ store: ShardStore; id: string }> {
    const id = await fillCollection(chroma.url, { name, dimension: DIMENSION, records: RECORDS });
    const store = await openStore(await temporaryFolder('source-changes-'));
    const source = new ChromaSource({ url: chroma.url });
    const input = { collections: [name], shardBytes: 64 * 1024 };
    await planStep({ chroma: source, store, log: silentLog }, { execution: name, input });
    await source.close();
    return { store, id };
  }

  const migrate = (run: string, store: string) =>
    runJsonCommand([
      ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store],
      ...['--run', run],
    ]);

  async function assertUnpublished(schema: string): Promise<void> {
    const client = new pg.Client(postgres.url);
    await client.connect();
    const { rows } = await client.query(`select to_regclass($1) as live`, [`${schema}.documents`]);
    await client.end();
    assert.equal(rows[0].live, null);
  }
});
