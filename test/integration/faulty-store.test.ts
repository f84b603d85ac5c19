/** A store that lost or changed something of a run that goes on. */
import assert from 'node:assert/strict';
import { cp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ChromaSource } from '../../src/chroma/chroma-source.ts';
import type { ShardItem } from '../../src/contract.ts';
import { silentLog } from '../../src/log.ts';
import { planStep } from '../../src/plan/store-plan.ts';
import { exportShard } from '../../src/shard/export-shard.ts';
import { keys } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/open-store.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { type RunJson, runJsonCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertArrived } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

type Paths = Record<'documents' | 'embeddings' | 'manifest', string>;

/** What happens to one shard each, the first to shard 0; the last shard is left as it is. */
const FAULTS: Record<string, (shard: Paths, next: Paths) => Promise<unknown>> = {
  'a bit of a vector': ({ embeddings }) => flipBit(embeddings, 0.5),
  'a bit of a text': ({ documents }) => flipBit(documents, 0.5),
  'the first byte of an object': ({ documents }) => flipBit(documents, 0),
  'half of an object': async ({ embeddings }) =>
    truncate(embeddings, Math.floor((await stat(embeddings)).size / 2)),
  'an object': ({ documents }) => rm(documents),
  'the manifest': ({ manifest }) => rm(manifest),
  'half of the manifest': ({ manifest }) => truncate(manifest, 100),
  "another shard's manifest in the place of its own": (shard, next) => cp(next.manifest, shard.manifest),
};

/** The store is the same whatever the database: the slower tests see the usual format only. */
const FORMATS = process.env.DATABASE_URL ? (['pgcopy', 'jsonl'] as const) : (['pgcopy'] as const);

for (const format of FORMATS)
  describe(`a run whose store (${format}) has lost or changed`, () => {
    const records = 2_500;
    const run = `faulty-${format}`;
    let chroma: TestChroma;
    let postgres: TestPostgres;
    let folder: string;
    let collectionId: string;
    let shards: ShardItem[];
    let whole: Paths;
    let wholeTime: number;
    let finished: { code: number | null; stderr: string; json: RunJson };

    before(async () => {
      [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
      collectionId = await fillCollection(chroma.url, { name: 'docs', dimension: 64, records });
      folder = await temporaryFolder('faulty-store-');
      const context = {
        chroma: new ChromaSource({ url: chroma.url }),
        store: await openStore(folder),
        log: silentLog,
      };
      await planStep(context, { execution: run, input: { shardBytes: 64 * 1024, format } });
      shards = JSON.parse(await readFile(join(folder, keys.shards(run)), 'utf8'));
      for (const shard of shards) await exportShard(context, shard);
      await context.chroma.close();
      whole = paths(shards.length - 1);
      wholeTime = (await stat(whole.manifest)).mtimeMs;
      for (const [number, fault] of Object.values(FAULTS).entries())
        await fault(paths(number), paths(number + 1));

      finished = await runJsonCommand([
        ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', folder, '--run', run],
      ]);
    });
    after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

    it('has a shard for each fault and a whole one', () =>
      assert.ok(shards.length > Object.keys(FAULTS).length, `${shards.length} shards`));

    it('succeeds by itself', () => {
      assert.equal(finished.code, 0, finished.stderr);
      assert.equal(finished.json.status, 'succeeded');
    });

    for (const [number, fault] of Object.keys(FAULTS).entries())
      it(`exports the shard anew that lost or changed ${fault}`, async () => {
        const manifest = JSON.parse(await readFile(paths(number).manifest, 'utf8'));
        assert.equal(manifest.number, number);
        assert.ok(Date.parse(manifest.finishedAt) > wholeTime, 'the manifest is the old one');
      });

    it('does not export the whole shard again', async () => {
      assert.equal((await stat(whole.manifest)).mtimeMs, wholeTime);
    });

    it('has no wrong record in its tables', async () => {
      const place = { chroma: chroma.url, collectionId, target: postgres.url, schema: 'docs' };
      assert.equal(await assertArrived(place), records);
    });

    const path = (kind: 'documents' | 'embeddings' | 'records' | 'manifest', shard: number) =>
      join(folder, keys[kind](run, 'docs', shard));
    /** Of JSON lines there is one object for both tables. */
    const paths = (shard: number): Paths => ({
      documents: path(format === 'jsonl' ? 'records' : 'documents', shard),
      embeddings: path(format === 'jsonl' ? 'records' : 'embeddings', shard),
      manifest: path('manifest', shard),
    });
  });

/** @param place in the file, 0 to 1 */
async function flipBit(path: string, place: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[Math.floor(bytes.length * place)]! ^= 1;
  await writeFile(path, bytes);
}
