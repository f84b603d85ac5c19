import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { InvalidInput } from '../../src/errors.ts';
import { migrate, planOf, prepare, startTarget, type TestTarget } from './target-run.ts';

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

test('a run name that was planned anew in another store does not pass old tables off for the new plan’s', async () => {
  const plan = planOf('nightly');
  await migrate(target, plan, 'yesterday');
  await assert.rejects(
    prepare(target, { ...plan, createdAt: '2026-11-21T09:15:00Z' }),
    (error) => error instanceof InvalidInput && /another plan than the store's/.test(error.message),
  );
  // The plan that it was started with goes on, and finds all done.
  await prepare(target, { ...plan, createdAt: '2026-11-20T09:15:00.000Z' });
});
