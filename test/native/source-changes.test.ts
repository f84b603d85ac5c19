/** Somebody writes to Chroma while a run reads it: between its plan and its export, or before it verifies. */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ChromaSource } from '../../src/chroma/chroma-source.ts';
import { StoreRefused } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { requirePlan } from '../../src/plan/plan-file.ts';
import { planStep } from '../../src/plan/store-plan.ts';
import { openStore } from '../../src/store/open-store.ts';
import { findSourceChanges } from '../../src/verify/source-changes.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { addRecords, deleteRecords, updateRecords } from '../fixtures/chroma-api.ts';
import { type RunJson, runJsonCommand } from '../fixtures/command-line.ts';
import { executeUntil } from '../fixtures/execution.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertSameRecords, recordsOfChroma, recordsOfPostgres } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const DIMENSION = 64;
/** Several shards of at most 256 records. */
const RECORDS = 700;

describe('a run whose source changes', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  it('publishes what it read of the records that were planned, and names those that came or went', async () => {
    const { store, id } = await planned('shifted');
    // Offsets shift in the middle of the first shard, and at the very end of the last.
    await deleteRecords(chroma.url, id, ['record-3', 'record-300', 'record-699']);
    await addRecords(chroma.url, id, { ids: ['new'], embeddings: [Array(DIMENSION).fill(0.5)] });
    const { code, json, stderr } = await migrate('shifted', store);
    assert.equal(code, 0, stderr);
    const [collection] = json.collections as [RunJson['collections'][0]];
    assert.deepEqual(
      [collection.records, collection.loaded, collection.vanished, collection.unexplained],
      [RECORDS, RECORDS - 3, 3, 0],
    );
    assert.deepEqual(collection.changes, {
      added: { count: 1, ids: ['new'] },
      deleted: { count: 3, ids: ['record-3', 'record-300', 'record-699'] },
      rewritten: { count: 0, ids: [] },
    });
    const expected = await recordsOfChroma(chroma.url, id);
    expected.delete('new');
    assertSameRecords(await recordsOfPostgres(postgres.url, 'shifted'), expected);
  });

  it('believes no list of ids of which a bit fell over', async () => {
    const { store } = await planned('bent');
    const [list] = (await readdir(store, { recursive: true })).filter((name) =>
      name.endsWith('000001/ids.jsonl'),
    );
    const path = join(store, list as string);
    const bytes = await readFile(path);
    bytes[3]! ^= 1;
    await writeFile(path, bytes);
    const shards = await openStore(store);
    const [collection] = (await requirePlan(shards, 'bent')).collections;
    const chromaSource = new ChromaSource({ url: chroma.url });
    try {
      await assert.rejects(findSourceChanges(chromaSource, shards, 'bent', collection!), (error) => {
        assert.ok(error instanceof StoreRefused);
        assert.match(error.message, /lists of ids beside .+ are not what was written: start a new run\.$/);
        return true;
      });
    } finally {
      await chromaSource.close();
    }
  });

  it('publishes an empty collection when all that was planned is deleted', async () => {
    const { store, id } = await planned('emptied');
    await deleteRecords(
      chroma.url,
      id,
      Array.from({ length: RECORDS }, (_, at) => `record-${at}`),
    );
    const { code, json, stderr } = await migrate('emptied', store);
    assert.equal(code, 0, stderr);
    assert.deepEqual([json.collections[0]!.loaded, json.collections[0]!.vanished], [0, RECORDS]);
    assert.equal((await recordsOfPostgres(postgres.url, 'emptied')).size, 0);
  });

  it('publishes what it had read when the change comes after the export, and says what it is', async () => {
    const name = 'late';
    const id = await fillCollection(chroma.url, { name, dimension: DIMENSION, records: RECORDS });
    const before = await recordsOfChroma(chroma.url, id);
    const places = { chroma: chroma.url, target: postgres.url, store: await temporaryFolder('changes-') };
    await executeUntil({ ...places, run: name, request: { collections: [name] } }, 'IndexCollections');
    await deleteRecords(chroma.url, id, ['record-3']);
    // Searches for it, and distances to it, are others now.
    const ids = Array.from({ length: 50 }, (_, at) => `record-${at + 100}`);
    await updateRecords(chroma.url, id, { ids, embeddings: ids.map(() => Array(DIMENSION).fill(0.25)) });

    const { code, json, stderr } = await migrate(name, places.store);
    assert.equal(code, 0, stderr);
    assert.deepEqual([json.collections[0]!.loaded, json.collections[0]!.vanished], [RECORDS, 0]);
    assert.deepEqual(json.collections[0]!.changes!.deleted, { count: 1, ids: ['record-3'] });
    assertSameRecords(await recordsOfPostgres(postgres.url, name), before);
  });

  /** A collection, and a run that has planned it but exported nothing. Both have the same name. */
  async function planned(name: string): Promise<{ store: string; id: string }> {
    const id = await fillCollection(chroma.url, { name, dimension: DIMENSION, records: RECORDS });
    const store = await temporaryFolder('source-changes-');
    const source = new ChromaSource({ url: chroma.url });
    const input = { collections: [name], shardBytes: 64 * 1024 };
    const context = { chroma: source, store: await openStore(store), log: silentLog };
    await planStep(context, { execution: name, input });
    await source.close();
    return { store, id };
  }

  const migrate = (run: string, store: string) =>
    runJsonCommand([
      ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store],
      ...['--run', run],
    ]);
});
