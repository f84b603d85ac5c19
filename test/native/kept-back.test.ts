import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ChromaSource } from '../../src/chroma/chroma-source.ts';
import { VerificationFailed } from '../../src/errors.ts';
import { silentLog as log } from '../../src/log.ts';
import { requirePlan, requireShards } from '../../src/plan/plan-file.ts';
import { planStep } from '../../src/plan/store-plan.ts';
import { exportShard } from '../../src/shard/export-shard.ts';
import { importShard } from '../../src/shard/import-shard.ts';
import { openStore } from '../../src/store/open-store.ts';
import { sampleSearches } from '../../src/verify/sample-searches.ts';
import { verifyCollection } from '../../src/verify/verify-collection.ts';
import { ChromaProxy } from '../faults/chroma-proxy.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { collectionId, sendText } from '../fixtures/chroma-api.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { index, prepare, startTarget, type TestTarget } from '../postgres/target-run.ts';

const NO_RECORDS = '{"ids": [], "embeddings": [], "documents": [], "metadatas": [], "uris": []}';

let chroma: TestChroma;
let moody: ChromaProxy;
let target: TestTarget;
before(async () => {
  [chroma, target] = await Promise.all([startTestChroma(), startTarget()]);
  moody = await ChromaProxy.start(chroma.url);
  await fillCollection(chroma.url, { name: 'docs', dimension: 8, records: 20 });
});
after(() => Promise.all([moody?.stop(), chroma?.stop(), target?.stop()]));

/** All steps but publishing. @param afterPlan what happens to the source before its records are read */
async function verified(run: string, afterPlan: () => Promise<void> | void): Promise<number> {
  const source = new ChromaSource({ url: `http://127.0.0.1:${moody.port}` });
  const store = await openStore(join(await temporaryFolder('kept-back-'), 'store'));
  const context = { chroma: source, database: target.database, store, log };
  try {
    await planStep(context, { execution: run, input: { collections: ['docs'], takeOver: true } });
    const plan = await requirePlan(store, run);
    await prepare(target, plan);
    await afterPlan();
    for (const shard of await requireShards(store, plan))
      await importShard(context, await exportShard(context, shard));
    moody.mood = { kind: 'well' };
    await index(target, plan);
    const item = { run, schema: 'docs', collection: 'docs' };
    await sampleSearches(context, item);
    return (await verifyCollection(context, item)).records;
  } finally {
    await source.close();
  }
}

test('records that Chroma keeps back for a moment are not taken for deleted ones', async () => {
  const keepBack = () => {
    moody.mood = { kind: 'wrong', body: NO_RECORDS };
  };
  await assert.rejects(verified('kept-back', keepBack), (error) => {
    assert.ok(error instanceof VerificationFailed, String(error));
    assert.match(error.message, /20 records that Chroma did not hand out .* are there all the same/);
    return true;
  });
});

test('records that were deleted since the plan are', async () => {
  const id = await collectionId(chroma.url, 'docs');
  const deleteTwo = async () => {
    const body = JSON.stringify({ ids: ['record-0', 'record-19'] });
    assert.equal((await sendText(chroma.url, 'POST', `/${id}/delete`, body)).status, 200);
  };
  assert.equal(await verified('deleted', deleteTwo), 18);
});
