/** What must hold whatever happens; each function throws an AssertionError that says what does not. */
import assert from 'node:assert/strict';
import type pg from 'pg';
import * as errors from '../../src/errors.ts';
import { assertSameRecords, recordsOfPostgres } from '../fixtures/oracle.ts';
import type { StoreHand, World } from './world.ts';

/** Ours, and those by which Lambda and Step Functions call what happens to a process or a list of theirs. */
const NAMES = new Set([
  ...Object.values(errors).flatMap((one) =>
    typeof one === 'function' && 'errorName' in one ? [one.errorName] : [],
  ),
  ...[
    'States.ItemReaderFailed',
    'States.ResultWriterFailed',
    'States.QueryEvaluationError',
    'States.Timeout',
  ],
  ...['Runtime.ExitError', 'Sandbox.Timedout'],
]);

/** A failure has a name that the documentation knows, and one sentence: thing, reason, remedy. */
export function assertExplained(name: string, cause: string): void {
  assert.ok(NAMES.has(name), `a failure has no name of ours: ${name}: ${cause}`);
  assert.match(
    cause,
    /^[A-Z"'].+[:;,] .+\.$/,
    `a failure is not one sentence with a remedy: ${name}: ${cause}`,
  );
  assert.ok(
    !/\n|\bat .*:\d+:\d+|undefined|\[object/.test(cause),
    `a failure shows the program's insides: ${cause}`,
  );
}

/** What is live of a collection: whose it is, and a checksum that changes with any bit of any row. */
export interface Live {
  run: string;
  checksum: string;
}

const SCHEMAS = ['docs', 'notes'];

/** null while nothing was ever published. */
export async function liveTables(world: World): Promise<Record<string, Live> | null> {
  return world.postgres.withClient(async (client) => {
    const live: Record<string, Live> = {};
    for (const schema of SCHEMAS) {
      const one = await liveTable(client, schema);
      if (!one) return null;
      live[schema] = one;
    }
    return live;
  });
}

async function liveTable(client: pg.Client, schema: string): Promise<Live | null> {
  const known = await client.query(`select to_regclass('${schema}.documents') as there`);
  if (known.rows[0].there === null) return null;
  const { rows } = await client.query<Live>(
    `select p.run, (select concat(count(*), ' ', count(e.id), ' ', sum(hashtextextended(d::text || e::text, 0)))
                      from ${schema}.documents d full join ${schema}.embeddings e on e.document_id = d.id) as checksum
       from chroma_migration.published_schemas p where schema = $1`,
    [schema],
  );
  return rows[0] ?? null;
}

/** The live tables are those that were live before, unless a run has published. */
export function assertUntouched(before: Record<string, Live> | null, now: Record<string, Live> | null): void {
  for (const [schema, live] of Object.entries(before ?? {})) {
    assert.ok(now?.[schema], `${schema} is gone`);
    if (now[schema].run === live.run)
      assert.equal(now[schema].checksum, live.checksum, `the live tables of ${schema} were changed`);
  }
}

/**
 * Shards that are done, each with the times of its export and of its import. What is done stays done: one look's
 * times are those of every later look, but for shards that are excused.
 */
export async function finishedShards(
  world: World,
  hand: StoreHand,
  run: string,
): Promise<Map<string, string>> {
  const done = new Map<string, string>();
  for (const key of await hand.keys(run).catch(() => [])) {
    const [, shard] = /shards\/(.+)\/manifest\.json$/.exec(key) ?? [];
    if (shard === undefined) continue;
    const text = await hand.read(key).catch(() => null);
    try {
      done.set(`export of ${shard}`, JSON.parse(String(text)).finishedAt);
    } catch {
      // It was damaged; its shard is excused.
    }
  }
  const known = await world.postgres.query(`select to_regclass('chroma_migration.shards') as shards`);
  if (known[0]?.shards === null) return done;
  const rows = await world.postgres.query(
    `select schema || '/' || lpad(number::text, 6, '0') as shard, imported_at::text as at
       from chroma_migration.shards where run = $1`,
    [run],
  );
  for (const { shard, at } of rows) done.set(`import of ${shard}`, String(at));
  return done;
}

export function assertStillFinished(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
  excused: ReadonlySet<string>,
): void {
  for (const [what, time] of before) {
    const shard = what.replace(/^\w+ of /, '');
    if (!excused.has(shard)) assert.equal(now.get(what), time, `the ${what} was done again`);
  }
}

/** Every record once and bit for bit, everything live and indexed, nothing half-done left. */
export async function assertWhole(
  world: World,
  which: number,
  run: string,
  hadRival: boolean,
): Promise<void> {
  const { records } = world.sources[which]!;
  for (const schema of SCHEMAS)
    assertSameRecords(await recordsOfPostgres(world.postgres.url, schema), records[schema]!);
  const live = await world.postgres.query(
    `select distinct run from chroma_migration.published_schemas where schema = any ($1)`,
    [SCHEMAS],
  );
  if (!hadRival) assert.deepEqual(live, [{ run }]);
  const [ledger] = await world.postgres.query(
    `select sum(loaded)::int as loaded, sum(rejected)::int as rejected,
            count(*) filter (where number >= shards) as unknown
       from (select *, count(*) over (partition by schema) as shards
               from chroma_migration.shards where run = $1) numbered`,
    [run],
  );
  const loaded = SCHEMAS.reduce((sum, schema) => sum + records[schema]!.size, 0);
  assert.deepEqual(ledger, { loaded, rejected: 0, unknown: '0' });
  const indexes = await world.postgres.query(
    `select t.relnamespace::regnamespace::text || '.' || c.relname as name
       from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
      where t.relnamespace = any (array['docs', 'notes']::regnamespace[]) and i.indisvalid order by 1`,
  );
  assert.equal(indexes.length, INDEXES, `indexes: ${indexes.map(({ name }) => name)}`);
  if (hadRival) return;
  const leftovers = await world.postgres.query(
    `select nspname from pg_namespace where nspname like '%\\_\\_incoming' or nspname like '%\\_\\_swap'`,
  );
  assert.deepEqual(leftovers, []);
}

/** Of both collections. Found on the first run, which no fault disturbs. */
let INDEXES = 0;
export async function learnIndexes(world: World): Promise<void> {
  const [found] = await world.postgres.query(
    `select count(*)::int as indexes from pg_index i join pg_class t on t.oid = i.indrelid
      where t.relnamespace = any (array['docs', 'notes']::regnamespace[])`,
  );
  INDEXES = found?.indexes as number;
}
