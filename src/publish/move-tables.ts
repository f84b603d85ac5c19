import pg from 'pg';
import { SchemaOccupied } from '../errors.ts';
import { SQLSTATE } from '../postgres/errors.ts';

/** What is moved from schema to schema: both tables with their indexes and keys, and the search functions. */
const TABLES = ['documents', 'embeddings'];
const FUNCTIONS = ['search_similar(vector, integer, double precision)', 'search_nearest(vector, integer)'];

/**
 * Less than deadlock_timeout (1 s): where a reader holds one table and wants the other, this side gives up
 * first, so that no reader is ever the deadlock's victim.
 */
const LOCK_MILLISECONDS = 300;

/** Sets the patience of the present transaction's locks. */
export const limitLockWait = (client: pg.Client) =>
  client.query(`set local lock_timeout = ${LOCK_MILLISECONDS}`);

/**
 * Locks the tables of collections against readers and writers, before anything moves: moving takes the same locks
 * one by one, and the first readers would wait while it works through the rest. A query that names both tables
 * holds one of them and so is never between two versions; one that names a search function and a table beside it
 * may be, since Postgres looks functions up without a lock.
 */
export async function lockTables(client: pg.Client, schemas: readonly string[]): Promise<void> {
  if (schemas.length === 0) return;
  const names = schemas.flatMap((schema) => TABLES.map((table) => `${pg.escapeIdentifier(schema)}.${table}`));
  await client.query(`lock table ${names.join(', ')} in access exclusive mode`);
}

/**
 * Drops a schema with the previous version of a collection. Not by CASCADE: a person's view or foreign key on those
 * tables stays, and is named by the error.
 *
 * @throws SchemaOccupied
 */
export async function dropPrevious(client: pg.Client, schema: string): Promise<void> {
  const quoted = pg.escapeIdentifier(schema);
  try {
    await client.query(
      [
        ...FUNCTIONS.map((name) => `drop function if exists ${quoted}.${name}`),
        `drop table if exists ${[...TABLES].reverse().map((table) => `${quoted}.${table}`)}`,
        `drop schema if exists ${quoted}`,
      ].join(';'),
    );
  } catch (error) {
    const { code, detail } = error as pg.DatabaseError;
    if (code !== SQLSTATE.dependentObjectsStillExist) throw error;
    throw new SchemaOccupied(
      `Schema "${schema}" with the version before the live one cannot be dropped (${detail?.replaceAll('\n', '; ')}): drop or move that, then publish again with the same --run.`,
      { cause: error },
    );
  }
}

/** Tables move, schemas are not renamed: the target may be `public`. */
export async function moveTables(client: pg.Client, from: string, to: string): Promise<void> {
  const [source, target] = [pg.escapeIdentifier(from), pg.escapeIdentifier(to)];
  await client.query(
    [
      ...TABLES.map((table) => `alter table ${source}.${table} set schema ${target}`),
      ...FUNCTIONS.map((name) => `alter function ${source}.${name} set schema ${target}`),
    ].join(';'),
  );
}

/** Gives whoever may use the tables of one schema the same rights to those of another. */
export async function copyGrants(client: pg.Client, from: string, to: string): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `select format('grant %s on %I.%I to %s%s', a.privilege_type, $2::text, c.relname,
                   case when a.grantee = 0 then 'public' else quote_ident(r.rolname) end,
                   case when a.is_grantable then ' with grant option' else '' end) as statement
       from pg_class c cross join lateral aclexplode(c.relacl) a left join pg_roles r on r.oid = a.grantee
      where c.relnamespace = to_regnamespace($1) and c.relname = any ($3) and a.grantee <> c.relowner`,
    [pg.escapeIdentifier(from), to, TABLES],
  );
  if (rows.length > 0) await client.query(rows.map(({ statement }) => statement).join(';'));
}
