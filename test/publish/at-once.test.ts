/** Several who change what is live at the same time. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { silentLog } from '../../src/log.ts';
import { publish } from '../../src/publish/publish.ts';
import { rollback } from '../../src/publish/rollback.ts';
import {
  index,
  load,
  migrate,
  planOf,
  prepare,
  startTarget,
  type TestTarget,
  verified,
} from '../postgres/target-run.ts';

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

/** Which run the ledger says is where, and which the rows themselves say. */
async function places(): Promise<{ ledger: unknown; tables: unknown }> {
  const [ledger] = await target.rows('select run, previous_run from chroma_migration.published_schemas');
  const [tables] = await target.rows(
    `select (select min(content) from docs.documents) as run,
            (select min(content) from docs__previous.documents) as previous_run`,
  );
  return { ledger, tables };
}

test('rollbacks and a publication at the same time leave a ledger that says what is where', async () => {
  await migrate(target, planOf('first'));
  await migrate(target, planOf('second'));
  const third = planOf('third');
  await prepare(target, third);
  await load(target, third.collections[0]!, 'third');
  await index(target, third);
  await verified(target, third);
  const back = () => rollback(target.database, 'docs', silentLog);

  await Promise.all([back(), back()]);
  const twice = await places();
  assert.deepEqual(twice.ledger, twice.tables);

  await Promise.all([back(), publish(target.database, 'third', silentLog)]);
  const published = await places();
  assert.deepEqual(published.ledger, published.tables);
});
