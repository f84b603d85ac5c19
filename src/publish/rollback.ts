import pg from 'pg';
import type { LayoutName, Space } from '../contract.ts';
import { NothingToRollBack } from '../errors.ts';
import type { Log } from '../log.ts';
import { previousSchema } from '../postgres/collection-schema.ts';
import type { Database } from '../postgres/database.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import { hasLedgerTable, migrateLedger } from '../postgres/ledger-schema.ts';
import { attachment, detach } from '../postgres/shared-tables.ts';
import { copyGrants, lockTables, moveTables, type Place, stands } from './move-tables.ts';
import { withPatience } from './publish.ts';
import { exchangeGrants, renameSchema, wholeSchemas } from './whole-schemas.ts';

export interface RolledBack {
  collection: string;
  schema: string;
  /** Run whose tables are live again. */
  run: string;
}

interface Published {
  schema: string;
  collection: string;
  run: string;
  previous_run: string | null;
  layout: LayoutName;
  previous_layout: LayoutName;
}

/**
 * Swaps a collection's live tables with its previous ones, atomic for readers. Twice is back where it began.
 * @param name of the collection or of its schema
 * @throws NothingToRollBack
 */
export async function rollback(database: Database, name: string, log: Log): Promise<RolledBack> {
  return database.withClient('rollback', async (client) => {
    // A database that never had a migration has no ledger, and shall not get one from a look at it.
    if (!(await hasLedgerTable(client))) throw nothingNamed(name, database.where);
    // One of an older version does not say what has to be known here.
    await migrateLedger(client);
    let done: RolledBack | undefined;
    await withPatience(client, database, async () => {
      done = await rollBack(client, name, database.where);
    });
    log.info('rolled back', { schema: done!.schema, run: done!.run });
    return done!;
  });
}

async function rollBack(client: pg.Client, name: string, where: string): Promise<RolledBack> {
  const published = await find(client, name, where);
  const { schema, collection, previous_run: run } = published;
  // A person may have dropped the previous version to have its room.
  if (run === null || !(await stands(client, previousOf(published))))
    throw new NothingToRollBack(
      `Collection "${collection}" has no version before the one in place: drop schema "${schema}" if it shall go.`,
    );
  await swap(client, published);
  return { collection, schema, run };
}

const nothingNamed = (name: string, where: string) =>
  new NothingToRollBack(
    `Nothing named "${name}" was published to ${where}: check --collection and --target.`,
  );

async function find(client: pg.Client, name: string, where: string): Promise<Published> {
  const { rows } = await publishedAs(client, name);
  const [found, second] = rows;
  if (!found) throw nothingNamed(name, where);
  if (second && found.schema !== name)
    throw new NothingToRollBack(
      `Several collections are called "${name}" (schemas ${rows.map(({ schema }) => `"${schema}"`).join(', ')}): name the schema with --collection.`,
    );
  return found;
}

/** Until the transaction's end nobody else changes what is live: what is read here is what the swap writes down. */
const publishedAs = (client: pg.Client, name: string) =>
  client.query<Published>(
    `select schema, collection, run, previous_run, layout, previous_layout
       from chroma_migration.published_schemas
      where collection = $1 or schema = $1 order by schema = $1 desc for update`,
    [name],
  );

const liveOf = ({ schema, collection, layout }: Published): Place => ({
  schema,
  layout: layoutOf({ layout, collection }),
});
const previousOf = ({ schema, collection, previous_layout: layout }: Published): Place => ({
  schema: previousSchema(schema),
  layout: layoutOf({ layout, collection }),
});

async function swap(client: pg.Client, published: Published): Promise<void> {
  const { schema, run, previous_run, layout, previous_layout } = published;
  const [live, previous] = [liveOf(published), previousOf(published)];
  // Held only within this transaction, and of a name that no collection can have.
  const between = `${schema}%swap`;
  await lockTables(client, [live, previous]);
  await copyGrants(client, live, previous.schema);
  await detach(client, live);
  const whole = await wholeSchemas(client, [
    { place: live, other: previous.schema },
    { place: previous, other: schema },
  ]);
  if (whole.size === 2) {
    await exchangeGrants(client, [[schema, previous.schema]]);
    await renameSchema(client, schema, between);
    await renameSchema(client, previous.schema, schema);
    await renameSchema(client, between, previous.schema);
  } else {
    await client.query(`create schema ${pg.escapeIdentifier(between)}`);
    await moveTables(client, live, between);
    await moveTables(client, previous, schema);
    await moveTables(client, { ...live, schema: between }, previous.schema);
    await client.query(`drop schema ${pg.escapeIdentifier(between)}`);
  }
  if (previous_layout === 'shared') await attach(client, published);
  await client.query(
    `update chroma_migration.published_schemas
        set run = $2, previous_run = $3, layout = $4, previous_layout = $5, published_at = now() where schema = $1`,
    [schema, previous_run, run, previous_layout, layout],
  );
}

/** Makes what is live again a partition of the tables that it shared. */
async function attach(client: pg.Client, { schema, collection, previous_run }: Published): Promise<void> {
  const { rows } = await client.query<{ dimension: number | null; space: Space }>(
    'select dimension, space from chroma_migration.collections where run = $1 and schema = $2',
    [previous_run, schema],
  );
  const [shared] = rows;
  if (!shared)
    throw new NothingToRollBack(
      `The ledger has forgotten run "${previous_run}", and with it which tables collection "${collection}" shared: migrate it again.`,
    );
  await client.query(attachment(schema, shared));
}
