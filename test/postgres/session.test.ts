/** Roles and databases with settings of their own, on a server that has more than one session. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { openDatabase } from '../../src/postgres/database.ts';
import { collectionChecksum } from '../../src/postgres/digest.ts';
import { guide } from '../../src/postgres/layouts/guide.ts';
import { readRunLedger } from '../../src/postgres/run-ledger.ts';
import { collectionPlan, migrate, planOf, startTarget, type TestTarget } from './target-run.ts';

const HOSTILE = {
  statement_timeout: '200ms',
  lock_timeout: '200ms',
  idle_in_transaction_session_timeout: '200ms',
  standard_conforming_strings: 'off',
  datestyle: 'German, DMY',
  extra_float_digits: '-12',
  default_transaction_isolation: 'serializable',
  bytea_output: 'escape',
  intervalstyle: 'sql_standard',
  timezone: 'Asia/Kathmandu',
};

let plain: TestTarget;
let hostile: TestTarget;
before(async () => {
  [plain, hostile] = await Promise.all([startTarget(), startTarget()]);
});
after(() => Promise.all([plain?.stop(), hostile?.stop()]));

test('what a role or a database has set for itself changes nothing of a migration', async (t) => {
  if (hostile.isEmbedded) return t.skip('settings of a database count from its next session on');
  const name = pg.escapeIdentifier(new URL(hostile.url).pathname.slice(1));
  await hostile.rows('create schema elsewhere');
  await hostile.rows('create extension vector schema elsewhere');
  for (const [setting, value] of Object.entries(HOSTILE))
    await hostile.rows(`alter database ${name} set ${setting} = ${pg.escapeLiteral(value)}`);

  const [before, plan] = [Date.now(), planOf('run', [collectionPlan({ records: 2000 })])];
  for (const target of [plain, hostile]) await migrate(target, plan);
  const checksum = (target: TestTarget) =>
    target.database.withClient('test', (client) => collectionChecksum(client, guide, 'docs'));
  assert.deepEqual(await checksum(hostile), await checksum(plain));
  const ledger = await hostile.database.withClient('test', (client) => readRunLedger(client, 'run', 1));
  assert.ok(Math.abs(Date.parse(ledger!.startedAt) - before) < 60_000, ledger?.startedAt);
  // As digits behind the point tell.
  const distances = (target: TestTarget) =>
    target.rows(
      `select embedding <-> '[0.1,0.2,0.3,0.4]' as distance from docs.embeddings order by 1 limit 5`,
    );
  assert.deepEqual(await distances(hostile), await distances(plain));
});

test('a connection is not told to wait or to hurry by what somebody has set', async (t) => {
  if (hostile.isEmbedded) return t.skip('settings of a database count from its next session on');
  await openDatabase({ url: hostile.url }).withClient('test', async (client) => {
    await client.query('begin');
    await client.query('select pg_sleep(0.4)');
    await client.query('commit');
  });
});
