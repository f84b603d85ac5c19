import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { migrateLedger } from '../../src/postgres/ledger-schema.ts';
import { startTarget, type TestTarget } from './target-run.ts';

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

test('twenty who migrate the ledger at once all succeed, and each migration is applied once', async () => {
  await Promise.all(
    Array.from({ length: 20 }, () =>
      target.database.withClient('migrate', (client) => migrateLedger(client)),
    ),
  );
  const applied = await target.rows<{ number: number }>(
    'select number from chroma_migration.migrations order by number',
  );
  assert.deepEqual(
    applied.map(({ number }) => number),
    applied.map((_, place) => place + 1),
  );
  assert.ok(applied.length >= 4);
  const tables = await target.rows(`select from pg_tables where schemaname = 'chroma_migration'`);
  assert.ok(tables.length > 5);
});

test('a migration that fails leaves nothing of itself, so that the next one can do it', async () => {
  const other = await startTarget();
  try {
    // A table of that name stands in the way, in the middle of the migration.
    await other.rows('create schema chroma_migration');
    await other.rows('create table chroma_migration.rejects ()');
    await assert.rejects(other.database.withClient('migrate', (client) => migrateLedger(client)));
    assert.deepEqual(await other.rows(`select to_regclass('chroma_migration.runs') as runs`), [
      { runs: null },
    ]);
    await other.rows('drop table chroma_migration.rejects');
    await other.database.withClient('migrate', (client) => migrateLedger(client));
  } finally {
    await other.stop();
  }
});
