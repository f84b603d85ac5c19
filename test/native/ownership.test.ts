/** Two runs that want the same schema at once. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { addRecords } from '../fixtures/chroma-api.ts';
import { type RunJson, runJsonCommand } from '../fixtures/command-line.ts';
import { executeMigration, synthesized } from '../fixtures/execution.ts';
import { FaultyFunctions } from '../fixtures/faulty-functions.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertArrived } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

describe('two runs on the same schema', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let collectionId: string;
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    collectionId = await fillCollection(chroma.url, { name: 'docs', dimension: 64, records: 1_500 });
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  const migrate = async (run: string, ...more: string[]) =>
    runJsonCommand([
      ...['migrate', '--source', chroma.url, '--target', postgres.url, '--run', run],
      ...['--store', await temporaryFolder('ownership-'), ...more],
    ]);

  /** Executes a run up to the import of a later shard, then `meanwhile` to its end, and then the rest of the run. */
  async function executeAnd<T>(run: string, meanwhile: () => Promise<T>) {
    const functions = await FaultyFunctions.create(synthesized(), await temporaryFolder('ownership-'));
    functions.set([{ step: 'import-shard', kind: 'waits', number: 3 }]);
    let other: Promise<T> | undefined;
    const result = await executeMigration(
      {
        ...{ chroma: chroma.url, target: postgres.url, run, store: await temporaryFolder('ownership-') },
        request: { shardBytes: 64 * 1024, concurrency: 1 },
      },
      (event) => {
        if (event.type === 'log' && event.fields.message === 'called' && event.fields.struck)
          other ??= meanwhile().finally(() => functions.set([]));
      },
      undefined,
      functions.assembly,
    );
    return { result, other: await other! };
  }

  it('do not meet: the second is told which run owns the schema, and goes on once that has ended', async () => {
    const { result, other } = await executeAnd('owner', () => migrate('second'));
    assert.equal(result.status, 'SUCCEEDED', JSON.stringify(result));
    assert.equal(other.code, 1);
    assert.deepEqual([other.json.error?.name, other.json.error?.state], ['SchemaOwned', 'PrepareDatabase']);
    assert.match(other.stderr, /Schema "docs" belongs to run "owner", last active \d+ s ago/);
    assert.equal(await liveRun(), 'owner');
    await assertWhole();

    assert.equal((await migrate('third')).code, 0);
    assert.equal(await liveRun(), 'third');
    await assertWhole();
  });

  it('do not mix when the second takes the schema over: the first ends and publishes nothing', async () => {
    await addRecords(chroma.url, collectionId, { ids: ['later'], embeddings: [Array(64).fill(0.25)] });
    const { result, other } = await executeAnd('robbed', () => migrate('robber', '--take-over'));
    assert.equal(other.code, 0, other.stderr);
    assert.equal(result.status, 'FAILED');
    if (result.status === 'FAILED')
      assert.equal(result.rootError.error, 'RunSuperseded', JSON.stringify(result));
    assert.equal(await liveRun(), 'robber');
    await assertWhole();
  });

  it('leave one whole version when they start at the very same moment', async () => {
    const runs = await Promise.all(['left', 'middle', 'right'].map((run) => migrate(run)));
    const outcomes = runs.map(({ code, json }) => [code, json.error?.name ?? null] as const);
    for (const [code, error] of outcomes)
      assert.ok((code === 0 && error === null) || (code === 1 && error === 'SchemaOwned'), String(outcomes));
    const published = runs.filter(({ code }) => code === 0).map(({ json }: { json: RunJson }) => json.run);
    assert.ok(published.includes(await liveRun()), String(outcomes));
    await assertWhole();
  });

  const assertWhole = () =>
    assertArrived({ chroma: chroma.url, collectionId, target: postgres.url, schema: 'docs' });

  async function liveRun(): Promise<string> {
    const client = new pg.Client(postgres.url);
    await client.connect();
    const { rows } = await client.query(
      `select run from chroma_migration.published_schemas where schema = 'docs'`,
    );
    await client.end();
    return rows[0].run;
  }
});
