import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ChromaSource } from '../../src/chroma/chroma-source.ts';
import { silentLog as log } from '../../src/log.ts';
import { requirePlan, requireShards } from '../../src/plan/plan-file.ts';
import { planStep } from '../../src/plan/store-plan.ts';
import { exportShard } from '../../src/shard/export-shard.ts';
import { findUnfinishedShards } from '../../src/shard/find-unfinished-shards.ts';
import { importShard } from '../../src/shard/import-shard.ts';
import { openStore } from '../../src/store/open-store.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { prepare, startTarget, type TestTarget } from '../postgres/target-run.ts';

const RUN = 'durable';

let chroma: TestChroma;
let target: TestTarget;
before(async () => {
  [chroma, target] = await Promise.all([startTestChroma(), startTarget()]);
  await fillCollection(chroma.url, { name: 'docs', dimension: 8, records: 20 });
});
after(() => Promise.all([chroma?.stop(), target?.stop()]));

test('a crash of the server takes away no shard that was found to be in', async () => {
  const source = new ChromaSource({ url: chroma.url });
  const store = await openStore(join(await temporaryFolder('durable-'), 'store'));
  const context = { chroma: source, database: target.database, store, log };
  try {
    await planStep(context, { execution: RUN, input: { collections: ['docs'] } });
    const plan = await requirePlan(store, RUN);
    await prepare(target, plan);
    for (const shard of await requireShards(store, plan))
      await importShard(context, await exportShard(context, shard));
    const [written] = await target.rows<{ lsn: string }>('select pg_current_wal_insert_lsn() as lsn');
    assert.equal((await findUnfinishedShards(context, RUN)).unfinished, 0);
    const [kept] = await target.rows<{ kept: boolean }>(
      `select pg_current_wal_flush_lsn() >= '${written!.lsn}' as kept`,
    );
    assert.ok(kept!.kept, 'the import is not on the disk');
  } finally {
    await source.close();
  }
});
