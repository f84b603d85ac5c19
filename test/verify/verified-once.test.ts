import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { VerificationFailed } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { storePlan } from '../../src/plan/store-plan.ts';
import { publish } from '../../src/publish/publish.ts';
import { keys } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/open-store.ts';
import { verifyCollection } from '../../src/verify/verify-collection.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { index, planOf, prepare, startTarget, type TestTarget, verified } from '../postgres/target-run.ts';

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

test('what was verified once and is found otherwise at a later look is not published', async () => {
  const plan = planOf('run');
  const store = await openStore(await temporaryFolder('verified-'));
  await storePlan(store, { plan, shards: [] });
  const samples = { schema: 'docs', records: 10, dimension: 4, queries: [] };
  await store.writeText(keys.searches('run', 'docs'), JSON.stringify(samples));
  await prepare(target, plan);
  await index(target, plan);
  await verified(target, plan);
  await assert.rejects(
    verifyCollection(
      { database: target.database, store, log: silentLog },
      { run: 'run', schema: 'docs', collection: 'docs' },
    ),
    VerificationFailed,
  );
  await assert.rejects(publish(target.database, 'run', silentLog), /is not verified/);
});
