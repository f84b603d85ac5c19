/** A shard's objects are bent in the store between its export and its import. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readAssembly } from '../../local/assembly.ts';
import { type ExecutionEvent, LocalExecution } from '../../local/run-execution.ts';
import { keys } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/open-store.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { collectionId } from '../fixtures/chroma-api.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertArrived } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

/** Few enough for shards of 128 KiB that each is a batch of its own: up to four are. */
const RECORDS = 600;
/** The shard that is bent, and its batch. */
const NUMBER = '1';

/** Changes a byte in the middle, where every object has some that matter. */
function bend(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.length >> 1;
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(path, bytes);
}

describe('a shard whose objects are bent between its export and its import', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    await fillCollection(chroma.url, { name: 'docs', dimension: 64, records: RECORDS });
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  it('is exported anew: by the second map, and where that meets it too by as many redrives as it takes', async () => {
    const run = 'corrupt';
    const folder = await temporaryFolder('corrupt-');
    const store = await openStore(folder);
    const damages: [object: 'documents' | 'embeddings' | 'manifest', damage: (path: string) => void][] = [
      ['embeddings', bend],
      ['documents', rmSync],
      ['manifest', bend],
      ['manifest', rmSync],
    ];
    let states: string[] = [];
    const lines: Record<string, unknown>[] = [];
    const onEvent = (event: ExecutionEvent) => {
      if (event.type === 'log') lines.push(event.fields);
      if (event.type !== 'state-entered' && event.type !== 'state-redriven') return;
      const [map, index] = event.path;
      if (index === undefined) return;
      if (map !== 'MigrateUnfinishedShards' && index !== NUMBER) return;
      states.push(event.state);
      // What a redrive runs again meets what the last attempt has left.
      if (!event.state.startsWith('Import') || event.type === 'state-redriven') return;
      const [object, damage] = damages.shift() ?? [];
      if (object) damage!(join(folder, keys[object](run, 'docs', Number(NUMBER))));
    };
    const execution = new LocalExecution({
      assembly: readAssembly(fileURLToPath(new URL('../../dist/assembly', import.meta.url))),
      ...{ name: run, store, onEvent, rds: { call: async () => ({}) } },
      input: { run, shardBytes: 128 * 1024, concurrency: 1 },
      environment: {
        ...{ STORE_URL: store.url, CHROMA_URL: chroma.url, DATABASE_URL: postgres.url },
        DATABASE_CA_FILE: '',
      },
    });

    // The first map met the one, the second the other.
    const first = await execution.start();
    assert.equal(first.status === 'FAILED' && first.rootError?.error, 'ShardCorrupt', JSON.stringify(first));
    assert.deepEqual(states, [
      'ExportShard',
      'ImportShard',
      'ExportUnfinishedShard',
      'ImportUnfinishedShard',
    ]);

    states = [];
    const second = await execution.redrive();
    assert.equal(
      second.status === 'FAILED' && second.rootError?.error,
      'ShardCorrupt',
      JSON.stringify(second),
    );
    assert.deepEqual(states, ['ImportUnfinishedShard', 'ExportUnfinishedShard', 'ImportUnfinishedShard']);

    // A manifest that is gone before its shard is in needs no redrive of its own.
    states = [];
    const third = await execution.redrive();
    assert.equal(third.status, 'SUCCEEDED', JSON.stringify(third));
    const again = ['ExportUnfinishedShard', 'ImportUnfinishedShard'];
    assert.deepEqual(states, ['ImportUnfinishedShard', ...again, ...again]);
    assert.deepEqual(damages, []);
    const id = await collectionId(chroma.url, 'docs');
    const place = { chroma: chroma.url, collectionId: id, target: postgres.url, schema: 'docs' };
    assert.equal(await assertArrived(place), RECORDS);

    // Whoever looks for the cause finds it by any of these.
    const ofShards = lines.filter(({ service }) => /^(export|import)-shard$/.test(String(service)));
    assert.equal(ofShards.filter(({ error }) => error === 'ShardCorrupt').length, 3);
    for (const line of ofShards) {
      assert.deepEqual([line.run, line.collection], [run, 'docs']);
      assert.ok(
        Number.isInteger(line.shard) && typeof line.function_request_id === 'string',
        JSON.stringify(line),
      );
    }
  });
});
