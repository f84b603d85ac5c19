import pg from 'pg';
import type { CollectionPlan, Plan, PrepareDatabaseOutput } from '../contract.ts';
import { SchemaOccupied } from '../errors.ts';
import type { Log } from '../log.ts';
import { collectionSchema, incomingSchema } from './collection-schema.ts';
import type { Database } from './database.ts';
import { extensionMissing } from './errors.ts';
import { beginRun, recordCollections } from './ledger.ts';
import { migrateLedger } from './ledger-schema.ts';
import { pgvectorWarnings } from './pgvector-version.ts';
import { ownSchemas } from './schema-owners.ts';

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
    await migrateLedger(client);
    await checkTargets(client, plan, database.where);
    await takeOwnership(client, plan);
    for (let start = 0; start < plan.collections.length; start += COLLECTIONS_A_TRANSACTION)
      await createIncoming(client, plan, plan.collections.slice(start, start + COLLECTIONS_A_TRANSACTION));
    const warnings = pgvectorWarnings(pgvectorVersion);
    for (const warning of warnings) log.warn(warning);
    log.info('database prepared', { run: plan.run, pgvectorVersion, schemas: plan.collections.length });
    return { run: plan.run, pgvectorVersion, warnings };
  });
}

async function createExtension(client: pg.Client, where: string): Promise<string> {
  const version = async () => {
    const { rows } = await client.query<{ extversion: string }>(
      `select extversion from pg_extension where extname = 'vector'`,
    );
    return rows[0]?.extversion;
  };
  const present = await version();
  if (present) return present;
  const { rowCount: available } = await client.query(
    `select from pg_available_extensions where name = 'vector'`,
  );
  if (!available) throw extensionMissing(where, undefined);
  await client.query('create extension if not exists vector');
  return (await version()) as string;
}

/** The tables that are to be replaced must be ours; nobody else's are ever moved. */
async function checkTargets(client: pg.Client, { collections, options }: Plan, where: string): Promise<void> {
  const named = options.schema !== undefined;
  // A schema that a person names may hold other tables; only the very names must be free. A schema that we named
  // ourselves and that holds anything of others is a coincidence that nobody wants.
  const { rows } = await client.query<{ schema: string; relation: string }>(
    `select n.nspname as schema, c.relname as relation
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = any ($1) and c.relkind in ('r', 'p', 'v', 'm', 'f')
        and ($2 is false or c.relname in ('documents', 'embeddings'))
        and not exists (select from chroma_migration.published_schemas p where p.schema = n.nspname
                          and c.relname in ('documents', 'embeddings'))
        and ($2 or not exists (select from chroma_migration.published_schemas p where p.schema = n.nspname))
      order by 1, 2 limit 1`,
    [collections.map(({ schema }) => schema), named],
  );
  const found = rows[0];
  if (found)
    throw new SchemaOccupied(
      `Schema "${found.schema}" of ${where} holds a table "${found.relation}" that is not from a migration: choose another schema with --schema, or move the table away.`,
    );
  await checkSameCollections(client, collections);
}

/** A schema that holds another collection of the same safe name must not be replaced by this one. */
async function checkSameCollections(client: pg.Client, collections: CollectionPlan[]): Promise<void> {
  const { rows } = await client.query<{ schema: string; collection: string }>(
    `select p.schema, p.collection
       from chroma_migration.published_schemas p
       join unnest($1::text[], $2::text[]) as planned (schema, collection) using (schema)
      where p.collection <> planned.collection limit 1`,
    [collections.map(({ schema }) => schema), collections.map(({ collection }) => collection)],
  );
  const found = rows[0];
  if (found)
    throw new SchemaOccupied(
      `Schema "${found.schema}" holds collection "${found.collection}": migrate the other one by itself with --collections and --schema.`,
    );
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
  { run }: Plan,
  collections: CollectionPlan[],
): Promise<void> {
  const { rows } = await client.query<{ schema: string; run: string | null }>(
    `select nspname as schema, obj_description(oid, 'pg_namespace') as run from pg_namespace where nspname = any ($1)`,
    [collections.map(({ schema }) => incomingSchema(schema))],
  );
  const present = new Map(rows.map((row) => [row.schema, row.run]));
  const published = await publishedByRun(client, run, collections);
  const statements = collections
    .filter(({ schema }) => present.get(incomingSchema(schema)) !== commentOf(run) && !published.has(schema))
    .map((collection) => {
      const incoming = incomingSchema(collection.schema);
      const quoted = pg.escapeIdentifier(incoming);
      return [
        `drop schema if exists ${quoted} cascade;`,
        `create schema ${quoted};`,
        `comment on schema ${quoted} is ${pg.escapeLiteral(commentOf(run))};`,
        collectionSchema(collection, incoming).tables,
      ].join('\n');
    });
  if (statements.length === 0) return;
  // Several statements in one query are one transaction.
  await client.query(statements.join('\n'));
}

const commentOf = (run: string) => `incoming tables of migration run ${run}`;

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
