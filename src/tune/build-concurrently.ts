import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { IndexBuildFailed, MigrationError } from '../errors.ts';
import { buildResources, setResources } from '../index-build/build-memory.ts';
import { createIndex } from '../index-build/create-index.ts';
import { type Log, reportProgress } from '../log.ts';
import type { Database } from '../postgres/database.ts';
import type { FurtherIndex } from './further-indexes.ts';
import { type LiveCollection, qualified } from './live-collections.ts';

export interface ConcurrentBuildContext {
  database: Database;
  log: Log;
  /** Cancels the build on the server and takes away what it left. */
  signal: AbortSignal;
  instanceMemoryBytes: number | undefined;
}

export interface BuiltIndex {
  schema: string;
  index: string;
  ddl: string;
  action: 'created' | 'replaced' | 'there already' | 'rebuilt';
  seconds: number;
}

const LOOK_MILLISECONDS = 500;

/** Builds the collection's vector index anew beside the old one, which answers until the new one stands. */
export async function reindexConcurrently(
  context: ConcurrentBuildContext,
  live: LiveCollection & { vectorIndex: string },
): Promise<BuiltIndex> {
  const { schema, vectorIndex } = live;
  const ddl = `reindex index concurrently ${qualified(schema, vectorIndex)}`;
  const started = performance.now();
  await build(context, live, { ddl, index: vectorIndex, leftover: `${vectorIndex}_ccnew` });
  return { schema, index: vectorIndex, ddl, action: 'rebuilt', seconds: secondsSince(started) };
}

/** Builds an index without keeping writers out. One that stands already stays, unless it is to be replaced. */
export async function createConcurrently(
  context: ConcurrentBuildContext,
  live: LiveCollection,
  { schema, name, ddl, replaces }: FurtherIndex,
): Promise<BuiltIndex> {
  const started = performance.now();
  const built = (action: BuiltIndex['action']): BuiltIndex => ({
    ...{ schema, index: name, ddl, action },
    seconds: secondsSince(started),
  });
  const before = await stateOf(context, schema, name);
  if (before === 'valid' && !replaces) return built('there already');
  if (before === 'invalid') await drop(context, schema, name);
  if (before !== 'valid') {
    await build(context, live, { ddl, index: name, leftover: name });
    return built('created');
  }
  // The old one answers until the new one stands.
  const fresh = `${name}_new`;
  await drop(context, schema, fresh);
  await build(context, live, {
    ddl: ddl.replace(pg.escapeIdentifier(name), pg.escapeIdentifier(fresh)),
    ...{ index: name, leftover: fresh },
  });
  await drop(context, schema, name);
  await statement(context, `alter index ${qualified(schema, fresh)} rename to ${pg.escapeIdentifier(name)}`);
  return built('replaced');
}

const secondsSince = (started: number) => (performance.now() - started) / 1000;

interface Build {
  ddl: string;
  /** What it is called when it stands. */
  index: string;
  /** What a build that failed leaves of it: written to, and never read. */
  leftover: string;
}

/** Builds, and leaves nothing if that fails. */
async function build(context: ConcurrentBuildContext, live: LiveCollection, wanted: Build): Promise<void> {
  try {
    await run(context, live, wanted);
  } catch (error) {
    await dropLeftover(context, live.schema, wanted.leftover).catch(() => undefined);
    throw error;
  }
}

async function dropLeftover(context: ConcurrentBuildContext, schema: string, leftover: string) {
  if ((await stateOf(context, schema, leftover)) === 'invalid') await drop(context, schema, leftover);
}

/** Runs one build, says how far it is, and cancels it on the server when somebody stops this program. */
async function run(
  context: ConcurrentBuildContext,
  live: LiveCollection,
  { ddl, index, leftover }: Build,
): Promise<void> {
  const { database, log, signal, instanceMemoryBytes } = context;
  const { schema } = live;
  await database.withClient('tune', (builder) =>
    database.withClient('tune progress', async (observer) => {
      signal.throwIfAborted();
      await builder.query(setResources(await buildResources(builder, live, instanceMemoryBytes)));
      const pid = await backendOf(builder);
      const cancel = () => void observer.query('select pg_cancel_backend($1)', [pid]).catch(() => undefined);
      signal.addEventListener('abort', cancel, { once: true });
      let building = true;
      const clear = async () => {
        await dropLeftover(context, schema, leftover);
        signal.throwIfAborted();
      };
      const work = createIndex(builder, ddl, log, { schema, index }, clear).finally(() => {
        building = false;
      });
      // Its end is awaited below, whatever the looks come to.
      work.catch(() => undefined);
      try {
        while (building) {
          reportProgress(log, { phase: 'index', schema, index, ...(await percentOf(observer, pid)) });
          await Promise.race([work, sleep(LOOK_MILLISECONDS)]).catch(() => undefined);
        }
        await work;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const known = database.explain(error);
        if (known instanceof MigrationError) throw known;
        throw new IndexBuildFailed(
          `Index ${index} of schema "${schema}" could not be built (${(error as Error).message}): mend that and run it again; searches use what was there before.`,
          { cause: error },
        );
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    }),
  );
}

async function backendOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]!.pid;
}

async function percentOf(client: pg.Client, pid: number): Promise<{ percent?: number }> {
  const { rows } = await client.query<{ percent: number | null }>(
    `select round(100.0 * case when tuples_total > 0 then tuples_done::numeric / tuples_total
                               when blocks_total > 0 then blocks_done::numeric / blocks_total end)::integer as percent
       from pg_stat_progress_create_index where pid = $1`,
    [pid],
  );
  const percent = rows[0]?.percent;
  return percent == null ? {} : { percent };
}

async function stateOf(
  { database }: ConcurrentBuildContext,
  schema: string,
  name: string,
): Promise<'valid' | 'invalid' | null> {
  return database.withClient('tune', async (client) => {
    const { rows } = await client.query<{ valid: boolean }>(
      'select indisvalid as valid from pg_index where indexrelid = to_regclass($1)',
      [qualified(schema, name)],
    );
    if (!rows[0]) return null;
    return rows[0].valid ? 'valid' : 'invalid';
  });
}

const drop = (context: ConcurrentBuildContext, schema: string, name: string) =>
  statement(context, `drop index concurrently if exists ${qualified(schema, name)}`);

const statement = ({ database }: ConcurrentBuildContext, sql: string) =>
  database.withClient('tune', async (client) => {
    await client.query(sql);
  });
