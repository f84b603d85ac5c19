/**
 * What it takes to put many collections in the place of those that are live does not grow with their number. ESTATE tries
 * more, for one 10,000.
 */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '../../src/log.ts';
import { endRun } from '../../src/postgres/ledger.ts';
import { publish } from '../../src/publish/publish.ts';
import { rollback } from '../../src/publish/rollback.ts';
import {
  collectionPlan,
  planOf,
  prepare,
  startTarget,
  type TestTarget,
  verified,
} from '../postgres/target-run.ts';

const COLLECTIONS = Number(process.env.ESTATE ?? 300);
const ROLLED_BACK = 20;

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

const schemas = Array.from({ length: COLLECTIONS }, (_, at) => `user_${at}`);

/** Functions that Postgres has read by their names, of all schemas. A connection says it when it ends, or a little later. */
async function functionsRead(): Promise<number> {
  while ((await target.rows(OTHERS)).length > 0) await sleep(20);
  await sleep(1200);
  const [row] = await target.rows<{ read: number }>(
    `select idx_tup_read::bigint as read from pg_stat_all_indexes where indexrelname = 'pg_proc_proname_args_nsp_index'`,
  );
  return Number(row!.read);
}

const OTHERS = `select from pg_stat_activity
  where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`;

async function measured(work: () => Promise<unknown>, of: number) {
  const before = await functionsRead();
  const started = performance.now();
  await work();
  const milliseconds = (performance.now() - started) / of;
  return { milliseconds, functions: ((await functionsRead()) - before) / of };
}

/** Makes empty tables of a run, and publishes them. */
async function publishRun(run: string) {
  const plan = planOf(
    run,
    schemas.map((schema) => collectionPlan({ schema })),
  );
  await prepare(target, plan);
  await verified(target, plan);
  const taken = await measured(() => publish(target.database, run, silentLog), COLLECTIONS);
  await target.database.withClient('test', (client) => endRun(client, run, 'succeeded', null));
  return taken;
}

it(`${COLLECTIONS} live collections are replaced and rolled back without looking at all for each`, async (context) => {
  const taken = {
    'the first publication': await publishRun('one'),
    'a second one': await publishRun('two'),
    'a third one, which drops the version before the live one': await publishRun('three'),
    'a rollback': await measured(async () => {
      for (const schema of schemas.slice(0, ROLLED_BACK)) await rollback(target.database, schema, silentLog);
    }, ROLLED_BACK),
  };
  for (const [what, { milliseconds, functions }] of Object.entries(taken)) {
    context.diagnostic(
      `${what}: ${milliseconds.toFixed(1)} ms a collection, ${functions.toFixed(0)} functions looked at`,
    );
    // To find one by its name, all that there are of the name are read: once for many collections.
    assert.ok(functions < Math.max(40, COLLECTIONS / 2), `${what}: ${functions} functions`);
  }
});
