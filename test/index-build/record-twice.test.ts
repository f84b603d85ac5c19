import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SourceChanged } from '../../src/errors.ts';
import {
  collectionPlan,
  index,
  load,
  planOf,
  prepare,
  startTarget,
  type TestTarget,
} from '../postgres/target-run.ts';

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
  await assert.rejects(index(target, plan), cameTwice);
});

for (const [length, kind] of [
  [10, 'a key'],
  [3000, 'an exclusion, where ids are longer than a key holds'],
] as const)
  test(`a record that was read twice is found by ${kind} too, in a table whose ids are texts`, async () => {
    const schema = `flat_${length}`;
    const plan = planOf(`run-${schema}`, [collectionPlan({ schema, layout: 'flat' })]);
    await prepare(target, plan);
    await target.rows(`insert into ${schema}__incoming.records (id, embedding)
                       select repeat('x', ${length}), '[1,2,3,4]' from generate_series(1, 2)`);
    await assert.rejects(index(target, plan), cameTwice);
  });

const cameTwice = (error: unknown) =>
  error instanceof SourceChanged && /a record came twice .*: start a new run/s.test(error.message);
