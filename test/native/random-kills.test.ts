/**
 * The import is killed at random moments, with all of its processes. KILLS says how often (25 by default, 200 by
 * `npm run test:kills`), SEED which moments: it is printed, so that they can be tried again.
 */
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { keys } from '../../src/store/keys.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { mulberry32 } from '../fixtures/clustered-vectors.ts';
import { executeMigration, type MigrationPlaces } from '../fixtures/execution.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { killedRun } from '../fixtures/killed-run.ts';
import { assertArrived } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const KILLS = Number(process.env.KILLS ?? 25);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);

/** 256 records of 64 dimensions a shard, so forty shards: a run outlasts some twenty kills. */
const RECORDS = 10_240;
/** Two children at a time, four batches for each. */
const BATCHES = 8;
const SHARDS_A_BATCH = 40 / BATCHES;
/** A shard's import takes some 20 to 60 ms, and 200 more where its function has to start. */
const MOST_MILLISECONDS = 500;

describe('an import that is killed at random moments', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let client: pg.Client;
  let collectionId: string;
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    const content = {
      name: 'docs',
      dimension: 64,
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

  it(`${KILLS} times loses nothing, has nothing twice, and does at most the running shards again`, async (context) => {
    context.diagnostic(`SEED=${SEED} KILLS=${KILLS}`);
    const random = mulberry32(SEED);
    let killed = 0;
    let runs = 0;
    while (killed < KILLS) {
      const run = `killed-${SEED}-${runs++}`;
      const places: MigrationPlaces = {
        ...{ chroma: chroma.url, target: postgres.url, store: await temporaryFolder('kills-'), run },
        request: { shardBytes: 64 * 1024, concurrency: 2 },
      };
      let finished = new Map<string, string>();
      while (killed < KILLS) {
        // Batches that are in are passed by; then the first that is not, or the next.
        const whole = Math.floor(finished.size / SHARDS_A_BATCH);
        const kill = {
          type: 'state-entered' as const,
          state: 'ImportShard',
          visit: Math.min(BATCHES, whole + 1 + Math.floor(random() * 2)),
          afterMilliseconds: random() * MOST_MILLISECONDS,
        };
        // It has come to its end before the moment.
        if ((await killedRun({ places, kill })) === null) break;
        killed++;
        await dead();
        finished = await assertStillFinished(finished, places);
        await assertNothingHalfDone(run);
      }
      const result = await executeMigration(places);
      assert.equal(result.status, 'SUCCEEDED', JSON.stringify(result));
      await assertStillFinished(finished, places);
      const place = { chroma: chroma.url, collectionId, target: postgres.url, schema: 'docs' };
      assert.equal(await assertArrived(place), RECORDS);
    }
    context.diagnostic(`${killed} kills in ${runs} runs`);
  });

  /** Resolves when Postgres has noticed: until then a dead client's transaction may still commit. */
  async function dead(): Promise<void> {
    const deadline = performance.now() + 30_000;
    while (true) {
      const { rows } = await client.query(
        `select count(*)::int as backends from pg_stat_activity
          where datname = current_database() and application_name like 'chroma-to-pgvector%'`,
      );
      if (rows[0].backends === 0) return;
      assert.ok(performance.now() < deadline, 'a dead client is still connected');
      await sleep(10);
    }
  }

  /** What was in is as it was, so that only the running shards can have been done again. */
  async function assertStillFinished(before: Map<string, string>, places: MigrationPlaces) {
    const now = await shardsOf(places);
    for (const [shard, at] of before) assert.equal(now.get(shard), at, `shard ${shard} was done again`);
    return now;
  }

  /** The ledger's shards of a run, each with the times of its import and of its export. */
  async function shardsOf({ store, run }: MigrationPlaces): Promise<Map<string, string>> {
    const { rows } = await client.query(
      'select schema, number, imported_at::text as at from chroma_migration.shards where run = $1',
      [run],
    );
    const shards = rows.map(async ({ schema, number, at }) => {
      const { mtimeMs } = await stat(join(store, keys.manifest(run, schema, number)));
      return [`${schema}/${number}`, `imported ${at}, exported ${mtimeMs}`] as const;
    });
    return new Map(await Promise.all(shards));
  }

  /** Both tables hold what the ledger says of the shards that are in: no shard by half, no record twice. */
  async function assertNothingHalfDone(run: string): Promise<void> {
    const { rows } = await client.query(
      `select (select coalesce(sum(loaded), 0)::int from chroma_migration.shards where run = $1) as ledger,
              (select count(*)::int from docs__incoming.documents) as documents,
              (select count(distinct source_id)::int from docs__incoming.documents) as ids,
              (select count(*)::int from docs__incoming.embeddings) as embeddings`,
      [run],
    );
    const { ledger, documents, ids, embeddings } = rows[0];
    assert.deepEqual({ documents, ids, embeddings }, { documents: ledger, ids: ledger, embeddings: ledger });
  }
});
