import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SourceChanged } from '../../src/errors.ts';
import { index, load, planOf, prepare, startTarget, type TestTarget } from '../postgres/target-run.ts';

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

test('a record that was read twice while others were deleted ends the run with what can be done about it', async () => {
  const plan = planOf('run');
  await prepare(target, plan);
  await load(target, plan.collections[0]!);
  await target.rows(`insert into docs__incoming.documents (id, source_id, content)
                     select id, source_id, content from docs__incoming.documents limit 1`);
  await assert.rejects(
    index(target, plan),
    (error) =>
      error instanceof SourceChanged && /a record came twice .*: start a new run/.test(error.message),
  );
});
