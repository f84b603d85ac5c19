import pg from 'pg';
import type { CollectionPlan, Plan, PrepareDatabaseOutput } from '../contract.ts';
import { TargetRefused } from '../errors.ts';
import { type Log, reportProgress } from '../log.ts';
import { checkTargets } from './check-targets.ts';
import { collectionSchema, incomingComment, incomingSchema } from './collection-schema.ts';
import type { Database } from './database.ts';
import { extensionMissing, extensionNotAllowed, SQLSTATE } from './errors.ts';
import { beginRun, forgetProgress, recordCollections } from './ledger.ts';
import { lockLedger, migrateLedger } from './ledger-schema.ts';
import { pgvectorWarnings } from './pgvector-version.ts';
import { ownSchemas } from './schema-owners.ts';
import { createSharedTables } from './shared-tables.ts';
import { checkSparseType } from './sparse-columns.ts';
import { findUpdatable } from './updatable.ts';

/** Collections whose tables are made in one transaction: each takes some ten locks of some thousand. */
const COLLECTIONS_A_TRANSACTION = 50;

/**
 * Makes what the run needs of the database: extension, ledger, ownership of the schemas, and incoming tables for
 * each collection. Those that this run already has stay, with the shards that are in them.
 *
 * @throws ExtensionMissing, SchemaOccupied, SchemaOwned, TargetRefused
 */
export async function prepareDatabase(
  database: Database,
  plan: Plan,
  log: Log,
): Promise<PrepareDatabaseOutput> {
  return database.withClient(`prepare ${plan.run}`, async (client) => {
    const pgvectorVersion = await createExtension(client, database.where);
    checkSparseType(plan.collections, pgvectorVersion, database.where);
    await migrateLedger(client);
    await checkTargets(client, plan, database.where);
    await takeOwnership(client, plan);
    const updated = plan.options.updateExisting ? await findUpdatable(client, plan) : new Set<string>();
    const of = plan.collections.length;
    for (let start = 0; start < of; start += COLLECTIONS_A_TRANSACTION) {
      if (start > 0) reportProgress(log, { phase: 'prepare', collections: start, of });
      const some = plan.collections.slice(start, start + COLLECTIONS_A_TRANSACTION);
      await createIncoming(client, plan, some, updated);
    }
    const warnings = pgvectorWarnings(pgvectorVersion);
    for (const warning of warnings) log.warn(warning);
    log.info('database prepared', { run: plan.run, pgvectorVersion, schemas: plan.collections.length });
    return { run: plan.run, pgvectorVersion, warnings };
  });
}

/** Two runs may come to a new database at once: CREATE EXTENSION does not wait for itself, so they wait here. */
async function createExtension(client: pg.Client, where: string): Promise<string> {
  await client.query('begin');
  await lockLedger(client);
  const { rows } = await client.query<{ encoding: string; available: boolean; installed: boolean }>(
    `select getdatabaseencoding() as encoding,
            exists (select from pg_available_extensions where name = 'vector') as available,
            exists (select from pg_extension where extname = 'vector') as installed`,
  );
  const { encoding, available, installed } = rows[0]!;
  if (encoding !== 'UTF8')
    throw new TargetRefused(
      `Postgres at ${where} is encoded in ${encoding}, which does not hold every text: create a database with ENCODING 'UTF8' TEMPLATE template0.`,
    );
  if (!installed) await installExtension(client, where, available);
  const version = await client.query<{ extversion: string }>(
    `select extversion from pg_extension where extname = 'vector'`,
  );
  await client.query('commit');
  return version.rows[0]!.extversion;
}

async function installExtension(client: pg.Client, where: string, available: boolean): Promise<void> {
  if (!available) throw extensionMissing(where, undefined);
  try {
    await client.query('create extension if not exists vector');
  } catch (error) {
    if ((error as pg.DatabaseError).code === SQLSTATE.insufficientPrivilege)
      throw extensionNotAllowed(where, error);
    throw error;
  }
}

async function takeOwnership(client: pg.Client, plan: Plan): Promise<void> {
  await client.query('begin');
  await beginRun(client, plan);
  const schemas = plan.collections.map(({ schema }) => schema);
  await ownSchemas(client, plan.run, schemas, plan.options.takeOver);
  await recordCollections(client, plan);
  await client.query('commit');
}

/**
 * Makes the incoming tables that are not there yet. An incoming schema says in its comment whose it is: that of
 * another run is dropped, since this run now owns the schema.
 */
async function createIncoming(
  client: pg.Client,
  { run, options }: Plan,
  collections: CollectionPlan[],
  updated: ReadonlySet<string>,
): Promise<void> {
  const { rows } = await client.query<{ schema: string; run: string | null }>(
    `select nspname as schema, obj_description(oid, 'pg_namespace') as run from pg_namespace where nspname = any ($1)`,
    [collections.map(({ schema }) => incomingSchema(schema))],
  );
  const present = new Map(rows.map((row) => [row.schema, row.run]));
  const published = await publishedByRun(client, run, collections);
  const due = collections.filter(
    ({ schema }) => present.get(incomingSchema(schema)) !== incomingComment(run) && !published.has(schema),
  );
  const made = due.map((collection) => {
    const incoming = incomingSchema(collection.schema);
    return { quoted: pg.escapeIdentifier(incoming), ...collectionSchema(collection, incoming) };
  });
  const statements = made.map(({ quoted, tables }) =>
    [
      `drop schema if exists ${quoted} cascade;`,
      `create schema ${quoted};`,
      `comment on schema ${quoted} is ${pg.escapeLiteral(incomingComment(run))};`,
      tables,
      // What Chroma holds, to be compared with the live tables.
      options.updateExisting
        ? `create table ${quoted}.source_digests (id uuid not null, digest bigint not null, shard integer not null);`
        : '',
    ].join('\n'),
  );
  if (due.length === 0) return;
  await client.query('begin');
  await createSharedTables(client, due);
  await client.query(statements.join('\n'));
  // Each new function makes Postgres read those of its name anew, in all schemas, for the next comment.
  await client.query(made.map(({ comments }) => comments).join('\n'));
  // What the ledger says was loaded, indexed and verified was so of tables that another run has replaced.
  await forgetProgress(
    client,
    run,
    due.map(({ schema }) => schema),
  );
  await client.query(
    `update chroma_migration.collections set updates_live = schema = any ($3) where run = $1 and schema = any ($2)`,
    [run, due.map(({ schema }) => schema), [...updated]],
  );
  await client.query('commit');
}

async function publishedByRun(
  client: pg.Client,
  run: string,
  collections: CollectionPlan[],
): Promise<Set<string>> {
  const { rows } = await client.query<{ schema: string }>(
    `select schema from chroma_migration.collections
      where run = $1 and published_at is not null and schema = any ($2)`,
    [run, collections.map(({ schema }) => schema)],
  );
  return new Set(rows.map(({ schema }) => schema));
}
