/** Runs that are killed while Postgres works for them. A server with one session cannot be watched meanwhile. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { killGroup, runCommand, startCommand } from '../fixtures/command-line.ts';
import { executeUntil } from '../fixtures/execution.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertArrived } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const RECORDS = 15_000;

describe('a run that is killed', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let client: pg.Client;
  let collectionId: string;
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    const content = {
      name: 'docs',
      dimension: 256,
      records: RECORDS,
      metadata: false,
      documents: false,
    } as const;
    collectionId = await fillCollection(chroma.url, content);
    client = new pg.Client(postgres.url);
    await client.connect();
  });
  after(async () => {
    await client?.end();
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  it('between the COPY of documents and that of embeddings leaves nothing of the shard, and goes on', async () => {
    const store = await temporaryFolder('killed-midway-');
    const run = 'killed-in-copy';
    await executeUntil({ chroma: chroma.url, target: postgres.url, store, run }, 'ImportShard');
    const args = migrate(run, store);

    // Whoever copies embeddings waits for this; the documents are in by then, but not committed.
    const blocker = new pg.Client(postgres.url);
    await blocker.connect();
    await blocker.query('begin; lock table docs__incoming.embeddings in share mode');
    const killed = startCommand(args);
    await until(async () => (await waiting()) > 0);
    killGroup(killed.process);
    assert.equal((await killed.finished).code, null);

    // It goes on while the dead one's transaction is still there.
    const continued = startCommand(args);
    await until(async () => (await waiting()) > 1);
    const { rows: ledger } = await client.query(
      'select count(*)::int as shards from chroma_migration.shards',
    );
    assert.equal(ledger[0].shards, 0);
    await blocker.end();

    const { code, stderr } = await continued.finished;
    assert.equal(code, 0, stderr);
    await assertWhole();
  });

  it('while an index is built goes on with that very build', async () => {
    const store = await temporaryFolder('killed-midway-');
    const run = 'killed-in-build';
    const args = migrate(run, store);
    const killed = startCommand(args);
    const builds = async () => {
      const { rows } = await client.query(
        `select index, started_at::text from chroma_migration.index_builds where run = $1 and ddl ~ 'hnsw'`,
        [run],
      );
      return rows;
    };
    await until(async () => {
      const { rows } = await client.query(
        `select pid from pg_stat_progress_create_index where datname = current_database() and tuples_done > 0`,
      );
      return rows.length > 0 && (await builds()).length > 0;
    });
    killGroup(killed.process);
    await killed.finished;
    const before = await builds();
    assert.equal(before.length, 1);

    const { code, stderr } = await runCommand(args);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await builds(), before);
    await assertWhole();
  });

  const migrate = (run: string, store: string) => [
    ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store],
    ...['--run', run, '--json', '--quiet'],
  ];

  /** Backends of this database that wait for a lock. */
  async function waiting(): Promise<number> {
    const { rows } = await client.query(
      `select count(*)::int as waiting from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows[0].waiting;
  }

  async function assertWhole(): Promise<void> {
    const place = { chroma: chroma.url, collectionId, target: postgres.url, schema: 'docs' };
    assert.equal(await assertArrived(place), RECORDS);
  }
});

/** Looks often: what is waited for may be over soon. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, 'what was waited for has not come');
    await sleep(10);
  }
}
