/** A run that is killed, wherever it is, goes on where it stopped. */
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { keys } from '../../src/store/keys.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { collectionId } from '../fixtures/chroma-api.ts';
import { runJsonCommand } from '../fixtures/command-line.ts';
import { executeMigration } from '../fixtures/execution.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { killedRun } from '../fixtures/killed-run.ts';
import type { KilledRun } from '../fixtures/killed-runner.ts';
import { assertArrived } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

/** The states that call a function, in order; of the shards' the fourth of nine, so that some are in and some not. */
const STATES: [state: string, visit: number][] = [
  ['Plan', 1],
  ['PrepareDatabase', 1],
  ['ExportShard', 4],
  ['ImportShard', 4],
  ['FindUnfinishedShards', 1],
  ['StartIndexBuild', 1],
  ['SampleSearches', 1],
  ['VerifyCollection', 1],
  ['Publish', 1],
  ['RecommendParameters', 1],
  ['WriteReport', 1],
];

/** From the first instruction of a function to its last answer takes some 150 to 400 ms. */
const MOMENTS = {
  'before it has begun': { type: 'state-entered', afterMilliseconds: 0 },
  'while it works': { type: 'state-entered', afterMilliseconds: 250 },
  'when it has just ended': { type: 'state-exited', afterMilliseconds: 0 },
} as const;

const COLLECTIONS = { docs: 2_000, notes: 250 };

describe('a killed run', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let client: pg.Client;
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    await fillCollection(chroma.url, { name: 'docs', dimension: 64, records: COLLECTIONS.docs });
    await fillCollection(chroma.url, {
      name: 'notes',
      dimension: 16,
      records: COLLECTIONS.notes,
      space: 'ip',
    });
    client = new pg.Client(postgres.url);
    await client.connect();
  });
  after(async () => {
    await client?.end();
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  // The embedded database shows the one that finds most; each takes twelve starts of the whole.
  const moments = Object.entries(MOMENTS).filter(
    ([, { afterMilliseconds }]) => process.env.DATABASE_URL !== undefined || afterMilliseconds > 0,
  );
  for (const [when, moment] of moments)
    it(`goes on after each state in which it was killed ${when}, and does no finished shard again`, async () => {
      const run = `killed-${moment.type}-${moment.afterMilliseconds}`;
      const places = {
        ...{ chroma: chroma.url, target: postgres.url, store: await temporaryFolder('killed-'), run },
        // 64 dimensions of 4 bytes: 256 records a shard.
        request: { shardBytes: 64 * 1024, concurrency: 2 },
      };
      let finished = new Map<string, string>();
      for (const [state, visit] of STATES) {
        const end = await killedRun({ places, kill: { ...moment, state, visit } });
        if (moment.afterMilliseconds === 0) assert.equal(end, 'SIGKILL', `${state} was never reached`);
        finished = await assertStillFinished(finished, places);
      }
      const { code, json, stderr } = await runJsonCommand([
        ...['migrate', '--source', chroma.url, '--target', postgres.url],
        ...['--store', places.store, '--run', run, '--shard-bytes', '64k', '--concurrency', '2'],
      ]);
      assert.equal(code, 0, stderr);
      await assertStillFinished(finished, places);
      assert.deepEqual(
        json.collections.map(({ collection, loaded, published }) => [collection, loaded, published]),
        Object.entries(COLLECTIONS).map(([name, records]) => [name, records, true]),
      );
      await assertWhole(run);
    });

  it('is not even needed to go on when only the process of a function is killed', async () => {
    const run = 'function-killed';
    const killed = new Set<string>();
    const result = await executeMigration(
      {
        ...{ chroma: chroma.url, target: postgres.url, store: await temporaryFolder('killed-'), run },
        request: { shardBytes: 64 * 1024, concurrency: 2 },
      },
      (event) => {
        if (event.type !== 'environment-started') return;
        const [step] = /ExportShard|ImportShard|StartIndexBuild|VerifyCollection/.exec(event.function) ?? [];
        if (step === undefined || killed.has(step)) return;
        killed.add(step);
        setTimeout(() => process.kill(event.pid, 'SIGKILL'), 200);
      },
    );
    assert.equal(killed.size, 4);
    assert.equal(result.status, 'SUCCEEDED', JSON.stringify(result));
    await assertWhole(run);
  });

  /** Every record once, live, and nothing half-done left behind. */
  async function assertWhole(run: string): Promise<void> {
    for (const [schema, records] of Object.entries(COLLECTIONS)) {
      const id = await collectionId(chroma.url, schema);
      const place = { chroma: chroma.url, collectionId: id, target: postgres.url, schema };
      assert.equal(await assertArrived(place), records);
    }
    const { rows: live } = await client.query('select distinct run from chroma_migration.published_schemas');
    assert.deepEqual(live, [{ run }]);
    const { rows: leftovers } = await client.query(
      `select nspname from pg_namespace where nspname like '%\\_\\_incoming' or nspname like '%\\_\\_swap'`,
    );
    assert.deepEqual(leftovers, []);
  }

  /**
   * Shards that the ledger has, each with the times of its import and of its manifest: the same at every later look.
   */
  async function assertStillFinished(
    before: Map<string, string>,
    { store, run }: KilledRun['places'],
  ): Promise<Map<string, string>> {
    const now = new Map<string, string>();
    const known = await client.query(`select to_regclass('chroma_migration.shards') as shards`);
    if (known.rows[0].shards === null) return now;
    const { rows } = await client.query(
      'select schema, number, imported_at::text from chroma_migration.shards where run = $1',
      [run],
    );
    for (const { schema, number, imported_at } of rows) {
      const { mtimeMs } = await stat(join(store, keys.manifest(run, schema, number)));
      now.set(`${schema}/${number}`, `imported ${imported_at}, exported ${mtimeMs}`);
    }
    for (const [shard, times] of before) assert.equal(now.get(shard), times, `shard ${shard} was done again`);
    return now;
  }
});
