/** Somebody writes to Chroma while a run reads it: between its plan and its export, or before it verifies. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { ChromaSource } from '../../src/chroma/chroma-source.ts';
import { silentLog } from '../../src/log.ts';
import { planStep } from '../../src/plan/store-plan.ts';
import { openStore } from '../../src/store/open-store.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { addRecords, deleteRecords } from '../fixtures/chroma-api.ts';
import { runJsonCommand } from '../fixtures/command-line.ts';
import { executeUntil } from '../fixtures/execution.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const DIMENSION = 64;
/** Three shards of 256 records. */
const RECORDS = 700;

const remove =
  (...ids: string[]) =>
  (chroma: string, id: string) =>
    deleteRecords(chroma, id, ids);
const add = (chroma: string, id: string) =>
  addRecords(chroma, id, { ids: ['new'], embeddings: [Array(DIMENSION).fill(0.5)] });

const CHANGES: Record<string, { change: (chroma: string, id: string) => Promise<unknown>; error: RegExp }> = {
  'a record of the first shard is deleted': { change: remove('record-3'), error: /^SourceChanged$/ },
  'the very last record is deleted': { change: remove('record-699'), error: /^SourceChanged$/ },
  'one is deleted and another added, so that the count is as before': {
    change: async (chroma, id) => {
      await remove('record-300')(chroma, id);
      await add(chroma, id);
    },
    error: /^SourceChanged$/,
  },
  'all are deleted': {
    change: remove(...Array.from({ length: RECORDS }, (_, at) => `record-${at}`)),
    error: /^SourceChanged$/,
  },
  // The planned records are all there, so that their export succeeds; the verification counts again.
  'a record is added': { change: add, error: /^(SourceChanged|VerificationFailed)$/ },
};

describe('a run whose source changes', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  for (const [number, [what, { change, error }]] of Object.entries(CHANGES).entries())
    it(`publishes nothing and says why: ${what}`, async () => {
      const name = `changes-${number}`;
      const id = await fillCollection(chroma.url, { name, dimension: DIMENSION, records: RECORDS });
      const store = await temporaryFolder('source-changes-');
      const source = new ChromaSource({ url: chroma.url });
      const input = { collections: [name], shardBytes: 64 * 1024 };
      await planStep({ chroma: source, store: openStore(store), log: silentLog }, { execution: name, input });
      await source.close();
      await change(chroma.url, id);

      const { code, json, stderr } = await migrate(name, store);
      assert.equal(code, 1);
      assert.match(json.error!.name, error);
      assert.match(stderr, new RegExp(`"${name}"`));
      await assertUnpublished(`changes_${number}`);
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
