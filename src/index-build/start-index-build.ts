import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { isServer } from '../chroma/record-source.ts';
import type { CollectionPlan, IndexBuildInput, IndexBuildOutput, Plan } from '../contract.ts';
import { updateState } from '../delta/ledger.ts';
import { IndexBuildFailed, MigrationError, RunSuperseded, SourceChanged } from '../errors.ts';
import { type Log, reportProgress } from '../log.ts';
import { incomingSchema } from '../postgres/collection-schema.ts';
import type { Database } from '../postgres/database.ts';
import { SQLSTATE } from '../postgres/errors.ts';
import type { IndexDefinition } from '../postgres/index-definition.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import { tablesOf } from '../postgres/ledger.ts';
import { requireOwned, whileOwned } from '../postgres/schema-owners.ts';
import { type BuildResources, buildResources, RESOURCES_AS_BEFORE, setResources } from './build-memory.ts';
import { createIndex } from './create-index.ts';
import { graphBytes, spillsAfter } from './hnsw-size.ts';
import { buildPurpose, definitionsOf, indexState } from './index-state.ts';
import { finishBuild, finishLeftBuilds, noteBuild, noteFailure } from './ledger.ts';
import { waitSeconds } from './wait.ts';

export interface IndexBuildContext {
  database: Database;
  log: Log;
  /** How long the caller stays before it leaves a build to the server. Small collections are done by then. */
  patienceMilliseconds: number;
}

/** Advisory locks of builds. They live as long as the backend that builds, also when its client is dead. */
const MEMORY_LOCK = 0x63687201;
const SCHEMA_LOCK = 0x63687202;

/**
 * Builds what is missing of a collection's keys and indexes, one after the other. What takes longer than the
 * caller's patience goes on in the server after the connection is dropped: CREATE INDEX commits without its
 * client.
 *
 * @throws IndexBuildFailed, SourceChanged if a record came twice, RunSuperseded
 */
export async function startIndexBuild(
  context: IndexBuildContext,
  plan: Plan,
  { looks, ...item }: IndexBuildInput,
): Promise<IndexBuildOutput> {
  const { database, log } = context;
  const { run, schema } = item;
  const collection = plan.collections.find((one) => one.schema === schema) as CollectionPlan;
  const answer = (state: IndexBuildOutput['state'], index: string | null = null): IndexBuildOutput => {
    if (state === 'valid') log.info('indexes valid', { run, schema });
    return { ...item, state, index, percent: null, looks: looks + 1, waitSeconds: waitSeconds(looks) };
  };
  try {
    return await database.withKeptClient(buildPurpose(run, schema), async (client) => {
      // Published means that they were all there; the incoming tables are not.
      if ((await tablesOf(client, run, schema)) === schema) return answer('valid');
      // The live tables have theirs, and the rows that are put into them need none.
      if ((await updateState(client, run, schema)).updatesLive) return answer('valid');
      await requireOwned(client, run, [schema]);
      const resources = await buildResources(client, collection, plan.options.instanceMemoryBytes);
      const lock = await tryLocks(client, run, schema, resources);
      if (lock === 'had') {
        await prepareSession(client, resources);
        const builder = new Builder(client, context, plan, collection, resources);
        await buildWithin(context.patienceMilliseconds, builder);
        await client.query(SESSION_AS_BEFORE);
        return answer('valid');
      }
      await client.query(SESSION_AS_BEFORE);
      return answer(lock === 'schema' ? 'building' : 'waiting');
    });
  } catch (error) {
    if (error instanceof LeftToServer) return answer('building', error.index);
    throw error;
  }
}

/** Patience has ended first: with a query under way, the end of its connection leaves the server to its work. */
class LeftToServer extends Error {
  readonly index: string | null;

  constructor(index: string | null) {
    super(`The server goes on with index ${index}.`);
    this.index = index;
  }
}

/** @throws LeftToServer */
async function buildWithin(milliseconds: number, builder: Builder): Promise<void> {
  const work = builder.buildMissing();
  // If patience ends first, the work's end (a cut connection) is nobody's error.
  work.catch(() => undefined);
  const patience = new AbortController();
  const left = sleep(milliseconds, 'left' as const, { signal: patience.signal }).catch(() => 'left' as const);
  const outcome = await Promise.race([work, left]);
  if (outcome === 'left') throw new LeftToServer(builder.present);
  patience.abort();
}

/** @returns `had`, or what kept it: another build of the same schema, or one that has the memory */
async function tryLocks(
  client: pg.Client,
  run: string,
  schema: string,
  { exclusive }: BuildResources,
): Promise<'had' | 'schema' | 'memory'> {
  const mode = exclusive ? '' : '_shared';
  const { rows } = await client.query<{ schema: boolean }>(
    'select pg_try_advisory_lock($1, hashtext($2)) as schema',
    [SCHEMA_LOCK, `${run}/${schema}`],
  );
  if (!rows[0]?.schema) return 'schema';
  const memory = await client.query<{ had: boolean }>(`select pg_try_advisory_lock${mode}($1) as had`, [
    MEMORY_LOCK,
  ]);
  return memory.rows[0]?.had ? 'had' : 'memory';
}

async function prepareSession(client: pg.Client, resources: BuildResources) {
  // A notice to a client that is gone would end the backend, and the build with it.
  await client.query('set client_min_messages = error');
  // A server that looks after its clients would do so too, and the build be begun for ever. Before version 14 none did.
  await client.query(
    "select set_config(name, '0', false) from pg_settings where name = 'client_connection_check_interval'",
  );
  await client.query(setResources(resources));
}

/** The connection is kept for the next collection: the locks that it has and what `prepareSession` sets are not. */
const SESSION_AS_BEFORE = `select pg_advisory_unlock_all(); reset client_min_messages; ${RESOURCES_AS_BEFORE}`;

/** What a key says that finds a record twice: a unique one, or an exclusion. */
const TWICE: string[] = [SQLSTATE.uniqueViolation, SQLSTATE.exclusionViolation];

/** Builds the definitions of one collection over one connection. */
class Builder {
  /** Name of what is being built. */
  present: string | null = null;
  readonly #client: pg.Client;
  readonly #context: IndexBuildContext;
  readonly #plan: Plan;
  readonly #collection: CollectionPlan;
  readonly #memoryBytes: number;

  constructor(
    client: pg.Client,
    context: IndexBuildContext,
    plan: Plan,
    collection: CollectionPlan,
    { maintenanceKilobytes }: BuildResources,
  ) {
    this.#memoryBytes = 1024 * maintenanceKilobytes;
    this.#client = client;
    this.#context = context;
    this.#plan = plan;
    this.#collection = collection;
  }

  async buildMissing(): Promise<void> {
    const { schema } = this.#collection;
    const { valid, invalid } = await indexState(this.#client, this.#plan.run, schema);
    await finishLeftBuilds(this.#client, this.#plan.run, schema, valid);
    for (const name of invalid)
      await this.#client.query(
        `drop index ${pg.escapeIdentifier(incomingSchema(schema))}.${pg.escapeIdentifier(name)}`,
      );
    for (const definition of definitionsOf(this.#collection))
      if (!valid.has(definition.name) && (await this.#isAllowed(definition))) await this.#build(definition);
  }

  async #isAllowed({ condition }: IndexDefinition): Promise<boolean> {
    if (!condition) return true;
    const { rows } = await this.#client.query<Record<string, boolean>>(condition.query);
    return Object.values(rows[0] ?? {})[0] === true;
  }

  async #build(definition: IndexDefinition): Promise<void> {
    const { name, ddl, isGraph } = definition;
    const key = { run: this.#plan.run, schema: this.#collection.schema, index: name };
    this.present = name;
    await noteBuild(this.#client, key, ddl, isGraph ? this.#spillsAfter(name) : null);
    reportProgress(this.#context.log, { phase: 'index', schema: key.schema, index: name });
    try {
      await createIndex(this.#client, this.#whileOwned(ddl), this.#context.log, key);
    } catch (error) {
      throw await this.#failure(error, definition, key);
    }
    await finishBuild(this.#client, key);
  }

  #whileOwned(ddl: string): string {
    const { schema } = this.#collection;
    const table = [incomingSchema(schema), layoutOf(this.#collection).vectors]
      .map(pg.escapeIdentifier)
      .join('.');
    return whileOwned(this.#plan.run, schema, table) + ddl;
  }

  /** What pgvector would say by a notice, which a client that has gone would not get: reckoned beforehand. */
  #spillsAfter(index: string): number | null {
    const rows = spillsAfter(this.#collection, this.#memoryBytes);
    if (rows !== null)
      this.#context.log.warn(
        'the graph of the index outgrows the memory of a build, so that it takes longer',
        {
          ...{ run: this.#plan.run, schema: this.#collection.schema, index, spillsAfterRows: rows },
          ...{ graphBytes: graphBytes(this.#collection), memoryBytes: this.#memoryBytes },
        },
      );
    return rows;
  }

  async #failure(
    error: unknown,
    { name, isRecordKey }: IndexDefinition,
    key: { run: string; schema: string; index: string },
  ): Promise<unknown> {
    // Another run's tables may be of another layout: whatever went wrong, this is why.
    const superseded = await requireOwned(this.#client, key.run, [key.schema]).catch((lost: unknown) => lost);
    if (superseded instanceof RunSuperseded) return superseded;
    const named = this.#context.database.explain(error);
    if (named instanceof MigrationError) return named;
    const reason = (error as Error).message;
    await noteFailure(this.#client, key, reason).catch(() => undefined);
    if (isRecordKey && TWICE.includes((error as pg.DatabaseError).code as string))
      return cameTwice(this.#plan, this.#collection, (error as pg.DatabaseError).detail ?? '', error);
    return new IndexBuildFailed(
      `Index ${name} of collection "${this.#collection.collection}" could not be built (${reason}): mend that, then go on with --run ${key.run}.`,
      { cause: error },
    );
  }
}

/** What the error says of a record that files hold twice: the collection, and its id or that of its row. */
export const TWICE_IN_FILES =
  /^The files of collection "(.*?)" hold a record twice \(Key \([^)]*\)=\((.*)\) (?:already exists|is duplicated|conflicts with)/s;

function cameTwice(
  { source }: Plan,
  { collection }: CollectionPlan,
  detail: string,
  cause: unknown,
): SourceChanged {
  const key = detail.slice(0, 200);
  return new SourceChanged(
    isServer(source)
      ? // A delete moves the records behind it: a page that was read before it and the next one both hold one of them.
        `Collection "${collection}" changed while it was read: a record came twice (${key}): start a new run, best while nobody writes to it.`
      : `The files of collection "${collection}" hold a record twice (${key}): take one of its lines out and import them with another --run.`,
    { cause },
  );
}
