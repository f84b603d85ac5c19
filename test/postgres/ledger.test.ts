import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type pg from 'pg';
import type { Reject } from '../../src/contract.ts';
import {
  beginRun,
  claimShard,
  completeShard,
  countRejects,
  endRun,
  finishedShards,
  insertRejects,
  rejectsOf,
  shardsOf,
  touchRun,
} from '../../src/postgres/ledger.ts';
import { readRunLedger } from '../../src/postgres/run-ledger.ts';
import { collectionPlan, migrate, planOf, prepare, startTarget, type TestTarget } from './target-run.ts';

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());
beforeEach(async () => {
  await target.rows('drop schema if exists docs, docs__incoming, chroma_migration cascade');
  await prepare(target, planOf('run'));
});

const SHARD = { run: 'run', schema: 'docs', number: 0 };
/** The largest checksum that there is, and more bytes than an int4 holds. */
const FIGURES = {
  content: 'rows',
  records: 13,
  loaded: 10,
  rejected: 2,
  vanished: 1,
  checksum: '18446744073709551615',
  bytes: 5_000_000_000,
} as const;
const TIMES = {
  ...{ exportStartedAt: '2026-11-20T09:00:00.000Z', exportedAt: '2026-11-20T09:01:00.000Z' },
  importStartedAt: '2026-11-20T09:01:01.000Z',
};
const withClient = <T>(use: (client: pg.Client) => Promise<T>) => target.database.withClient('test', use);

test('of ten imports of one shard at the same time one does it, and the others then see it done', async () => {
  const claims = await Promise.all(
    Array.from({ length: 10 }, () =>
      withClient(async (client) => {
        await client.query('begin');
        const claimed = await claimShard(client, SHARD);
        if (claimed) await completeShard(client, { ...SHARD, ...FIGURES, ...TIMES });
        // One that was not claimed was completed by whoever did.
        else assert.equal((await shardsOf(client, 'run', 'docs'))[0]?.loaded, FIGURES.loaded);
        await client.query('commit');
        return claimed;
      }),
    ),
  );
  assert.equal(claims.filter(Boolean).length, 1);
});

test('an import that breaks off leaves no trace in the ledger', async () => {
  await assert.rejects(
    withClient(async (client) => {
      await client.query('begin');
      assert.equal(await claimShard(client, SHARD), true);
      throw new Error('killed');
    }),
  );
  assert.deepEqual([...(await withClient((client) => finishedShards(client, 'run')))], []);
  await withClient(async (client) => assert.equal(await claimShard(client, SHARD), true));
});

test('a shard comes out of the ledger as it went in', async () => {
  await withClient(async (client) => {
    await claimShard(client, SHARD);
    await completeShard(client, { ...SHARD, ...FIGURES, ...TIMES });
    assert.deepEqual(await shardsOf(client, 'run', 'docs'), [
      { number: 0, content: 'rows', loaded: 10, rejected: 2, vanished: 1, checksum: FIGURES.checksum },
    ]);
    const [shard] = (await readRunLedger(client, 'run', 10))!.shards;
    assert.deepEqual(
      [shard!.records, shard!.bytes, new Date(shard!.exportedAt!).toISOString()],
      [FIGURES.records, FIGURES.bytes, TIMES.exportedAt],
    );
  });
});

test('rejects are counted, listed in order up to a limit, and inserting them again changes nothing', async () => {
  const rejects = [30, 10, 20].map(
    (offset): Reject => ({
      ...{ id: `record\\u0000 "${offset}"`, offset, reason: 'nul-in-id', detail: 'Its id holds NUL.' },
      record: `{"id": "record\\u0000"}`,
    }),
  );
  await withClient(async (client) => {
    for (let n = 0; n < 2; n++) await insertRejects(client, SHARD, rejects);
    assert.equal(await countRejects(client, 'run'), 3);
    const listed = await rejectsOf(client, 'run', 2);
    assert.deepEqual(
      listed.map(({ id }) => id),
      ['record\\u0000 "10"', 'record\\u0000 "20"'],
    );
  });
});

test('a run that works in long transactions counts as alive at their end, not at their beginning', async () => {
  await withClient(async (client) => {
    await client.query('begin');
    const [{ begun }] = (await client.query<{ begun: Date }>('select now() as begun')).rows as [
      { begun: Date },
    ];
    await client.query('select pg_sleep(0.05)');
    await touchRun(client, 'run');
    const { rows } = await client.query<{ seen: Date }>('select seen_at as seen from chroma_migration.runs');
    assert.ok(rows[0]!.seen.getTime() - begun.getTime() >= 40);
  });
});

test('a run that goes on is running again and keeps the time at which it began', async () => {
  await withClient(async (client) => {
    const started = (await readRunLedger(client, 'run', 0))!.startedAt;
    await endRun(client, 'run', 'failed', { name: 'TargetFull', message: 'No space.', state: 'ImportShard' });
    await beginRun(client, planOf('run'));
    const { rows } = await client.query('select state, ended_at, error from chroma_migration.runs');
    assert.deepEqual(rows, [{ state: 'running', ended_at: null, error: null }]);
    assert.equal((await readRunLedger(client, 'run', 0))!.startedAt, started);
  });
});

test("Chroma's own words are kept even where jsonb cannot hold them", async () => {
  const metadata = { title: 'a\u0000b', broken: '\ud800', plain: 'c' };
  await prepare(target, planOf('run', [collectionPlan({ schema: 'odd', metadata })]));
  const [kept] = await target.rows(`select metadata from chroma_migration.collections where schema = 'odd'`);
  assert.deepEqual(kept, { metadata: { title: 'a\ufffdb', broken: '\ufffd', plain: 'c' } });
  await target.rows('drop schema odd__incoming cascade');
});

test('a text of them is kept to the digit, and what only looks like an escape is none', async () => {
  const metadataText = String.raw`{"n": 9007199254740993, "\u0000\u0000": 1.0, "\\u0000": "\ud83d\ude00 \ud83d"}`;
  const texts = { metadataText, configurationText: metadataText };
  const plan = collectionPlan({ schema: 'odd', metadata: {}, configuration: {}, ...texts });
  await prepare(target, planOf('run', [plan]));
  const [kept] = await target.rows(
    `select metadata::text, configuration::text from chroma_migration.collections where schema = 'odd'`,
  );
  const text = String.raw`{"n": 9007199254740993, "\\u0000": "😀 �", "��": 1.0}`;
  assert.deepEqual(kept, { metadata: text, configuration: text });
  await target.rows('drop schema odd__incoming cascade');
});

test('the ledger says what a run did, and of an unknown run that it is unknown', async () => {
  await target.rows('drop schema docs__incoming, chroma_migration cascade');
  await migrate(target, planOf('run'));
  await withClient(async (client) => {
    const ledger = (await readRunLedger(client, 'run', 10))!;
    assert.deepEqual([...ledger.published], ['docs']);
    assert.ok(ledger.indexBuilds.every(({ state, finishedAt }) => state === 'valid' && finishedAt !== null));
    assert.match(ledger.pgvectorVersion, /^\d+\.\d+/);
    assert.equal(await readRunLedger(client, 'other', 10), null);
    await client.query('drop schema chroma_migration cascade');
    assert.equal(await readRunLedger(client, 'run', 10), null);
  });
});
