import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TargetBusy } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { guide } from '../../src/postgres/layouts/guide.ts';
import { limitLockWait, lockTables } from '../../src/publish/move-tables.ts';
import { publish, withPatience } from '../../src/publish/publish.ts';
import { rollback } from '../../src/publish/rollback.ts';
import {
  collectionPlan,
  index,
  load,
  migrate,
  planOf,
  prepare,
  startTarget,
  type TestTarget,
  verified,
} from '../postgres/target-run.ts';

/** Publications, each followed by a rollback and its undoing: three swaps a round. */
const ROUNDS = 20;
const READERS = 4;
/** Each version has a number of records of its own, so that a partial one shows. */
const recordsOf = (version: number) => 20 + version;

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

interface Seen {
  records: number;
  versions: string[];
}

/** One row each: how many records, and which versions they are of. */
const READS = [
  `select count(*)::integer as records, array_agg(distinct content) || array_agg(distinct model) as versions
     from docs.documents d join docs.embeddings e on e.document_id = d.id`,
  `select count(*)::integer as records, array_agg(distinct content) || array_agg(distinct model) as versions
     from docs.embeddings e join docs.documents d on e.document_id = d.id`,
  `select count(*)::integer as records, array_agg(distinct content) as versions from docs.search_similar('[0,0,0,0]', 1000)`,
  `select count(*)::integer as records, array_agg(distinct content) as versions from docs.search_nearest('[0,0,0,0]', 1000)`,
  `select count(*)::integer as records, array_agg(distinct content) as versions from docs.documents`,
];

/** Reads until it is told to stop. @param onRead is told of each @returns what it saw that no version is */
async function readInLoop(
  until: AbortSignal,
  onRead: () => void,
): Promise<{ wrong: string[]; versions: Set<string> }> {
  return target.database.withClient('reader', async (client) => {
    // An index may not hand over all of so few rows, which would look like a partial version.
    await client.query('set enable_indexscan = off');
    const wrong: string[] = [];
    const versions = new Set<string>();
    let reads = 0;
    for (; !until.aborted; reads++) {
      const read = READS[reads % READS.length]!;
      try {
        // Every other one as a prepared statement, whose plan the swap must end.
        const query = reads % 2 ? { text: read, name: `read ${reads % READS.length}` } : { text: read };
        const seen = (await client.query<Seen>(query)).rows[0]!;
        const [version, ...others] = new Set(seen.versions);
        versions.add(String(version));
        if (others.length > 0 || seen.records !== recordsOf(Number(version)))
          wrong.push(`${read} saw ${JSON.stringify(seen)}`);
      } catch (error) {
        wrong.push(`${read} failed: ${error}`);
      }
      onRead();
    }
    return { wrong, versions };
  });
}

const planFor = (version: number) =>
  planOf(`run-${version}`, [collectionPlan({ records: recordsOf(version) })]);

/** Publishes versions and rolls them back while others read. */
async function publishBesideReaders(versions: readonly number[]): Promise<void> {
  const stop = new AbortController();
  const reads = new Array<number>(READERS).fill(0);
  const readers = reads.map((_, reader) => readInLoop(stop.signal, () => reads[reader]!++));
  // Of two one at least is begun only now.
  const allHaveRead = async () => {
    const least = reads.map((read) => read + 2);
    while (reads.some((read, reader) => read < least[reader]!)) await sleep(5);
  };
  try {
    for (const version of versions) {
      await migrate(target, planFor(version), String(version));
      await rollback(target.database, 'docs', silentLog);
      await rollback(target.database, 'docs', silentLog);
      await allHaveRead();
    }
  } finally {
    stop.abort();
  }
  const results = await Promise.all(readers);
  assert.deepEqual(
    results.flatMap(({ wrong }) => wrong),
    [],
  );
  // Else the readers were not there while the tables changed places.
  for (const { versions: seen } of results)
    for (const version of versions) assert.ok(seen.has(String(version)), `version ${version} was not seen`);
}

const versionsFrom = (first: number) => Array.from({ length: ROUNDS }, (_, at) => first + at);

test('readers never see an error, a missing table, a part of a version or a mix of two', {
  timeout: 180_000,
}, async () => {
  await migrate(target, planFor(0), '0');
  await publishBesideReaders(versionsFrom(1));
});

test('nor do they where the schema holds what others made, so that the tables move without it', {
  timeout: 180_000,
}, async () => {
  await target.rows('create table docs.notes (n int)');
  await publishBesideReaders(versionsFrom(ROUNDS + 1));
  assert.deepEqual(await target.rows('select * from docs.notes'), []);
});

test('a reader that holds a table for a while is waited for, and is never the victim', async () => {
  const plan = planOf('waits');
  await prepare(target, plan);
  await load(target, plan.collections[0]!, 'waits');
  await index(target, plan);
  await verified(target, plan);
  await target.database.withClient('reader', async (reader) => {
    await reader.query('begin');
    // Locks in the order that meets the publisher's the other way round.
    await reader.query('select from docs.embeddings limit 1');
    const published = publish(target.database, 'waits', silentLog);
    await sleep(1500);
    await reader.query('select from docs.documents limit 1');
    await reader.query('commit');
    await published;
  });
  assert.deepEqual(await target.rows('select distinct content from docs.documents'), [{ content: 'waits' }]);
});

test('others can read while a publication waits for its locks', async () => {
  await target.database.withClient('reader', async (reader) => {
    await reader.query('begin');
    await reader.query('select from docs.documents limit 1');
    const publisher = target.database.withClient('publisher', async (client) => {
      await client.query('begin');
      await limitLockWait(client);
      await lockTables(client, [{ schema: 'docs', layout: guide }]);
    });
    const refused = assert.rejects(publisher, TargetBusy);
    await sleep(50);
    const started = performance.now();
    await target.rows('select from docs.documents limit 1');
    // 300 ms is the most that a publisher in wait holds up those behind it.
    assert.ok(performance.now() - started < 2000);
    await refused;
    await reader.query('rollback');
  });
});

test('patience ends: tables that are held for good fail the publication as worth a retry', {
  timeout: 90_000,
}, async () => {
  let tries = 0;
  const started = performance.now();
  await assert.rejects(
    target.database.withClient('publisher', (client) =>
      withPatience(client, target.database, async () => {
        tries++;
        // As Postgres says it when the lock could not be had.
        await client.query(`do $$ begin raise exception sqlstate '55P03'; end $$`);
      }),
    ),
    TargetBusy,
  );
  assert.ok(tries > 10, `${tries} tries`);
  assert.ok(performance.now() - started > 50_000);
});
