import pg from 'pg';
import { SchemaOccupied } from '../errors.ts';
import { SQLSTATE } from '../postgres/errors.ts';
import type { Layout, Relation } from '../postgres/layouts/layout.ts';
import { SPARSE_FUNCTION } from '../postgres/sparse-columns.ts';

/** What is moved from schema to schema beside a layout's relations with their indexes and keys. */
export const FUNCTIONS = [
  'search_similar(vector, integer, double precision)',
  'search_nearest(vector, integer)',
];

/** The function that makes columns of sparse vectors, where there are any: it can only go after its columns. */
const ownFunction = (schema: string) => `${pg.escapeIdentifier(schema)}.${SPARSE_FUNCTION}`;

/**
 * Less than deadlock_timeout (1 s): where a reader holds one table and wants the other, this side gives up
 * first, so that no reader is ever the deadlock's victim.
 */
const LOCK_MILLISECONDS = 300;

/** Of what keeps a version from being dropped. */
const NAMED = 10;

/** A collection's relations and where they stand. */
export interface Place {
  schema: string;
  layout: Layout;
}

const qualified = (schema: string, name: string) =>
  `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`;

/** Sets the patience of the present transaction's locks. */
export const limitLockWait = (client: pg.Client) =>
  client.query(`set local lock_timeout = ${LOCK_MILLISECONDS}`);

/**
 * Locks the tables of collections against readers and writers, before anything moves: moving takes the same locks
 * one by one, and the first readers would wait while it works through the rest. A query that names both tables
 * holds one of them and so is never between two versions; one that names a search function and a table beside it
 * may be, since Postgres looks functions up without a lock.
 */
export async function lockTables(client: pg.Client, places: readonly Place[]): Promise<void> {
  if (places.length === 0) return;
  const names = places.flatMap(({ schema, layout }) =>
    layout.relations.filter(({ kind }) => kind === 'table').map(({ name }) => qualified(schema, name)),
  );
  await client.query(`lock table ${names.join(', ')} in access exclusive mode`);
}

/**
 * Drops the schemas with the previous versions of collections. Not by CASCADE: a person's view or foreign key on those
 * tables stays, and is named by the error. All at once, since Postgres reads the functions of all schemas for each
 * statement that names one.
 *
 * @throws SchemaOccupied
 */
export async function dropPrevious(client: pg.Client, places: readonly Place[]): Promise<void> {
  if (places.length === 0) return;
  const drop = (what: string, names: string[]) =>
    names.length === 0 ? [] : [`drop ${what} if exists ${names.join(', ')}`];
  const relations = (wanted: Relation['kind']) =>
    places.flatMap(({ schema, layout }) =>
      layout.relations.filter(({ kind }) => kind === wanted).map(({ name }) => qualified(schema, name)),
    );
  const schemas = places.map(({ schema }) => pg.escapeIdentifier(schema));
  try {
    await client.query(
      [
        ...drop(
          'function',
          schemas.flatMap((schema) => FUNCTIONS.map((name) => `${schema}.${name}`)),
        ),
        ...drop('view', relations('view')),
        ...drop('table', relations('table')),
        ...drop(
          'function',
          places.map(({ schema }) => ownFunction(schema)),
        ),
        ...drop('schema', schemas),
      ].join(';'),
    );
  } catch (error) {
    const { code, detail = '' } = error as pg.DatabaseError;
    if (code !== SQLSTATE.dependentObjectsStillExist) throw error;
    throw new SchemaOccupied(
      `The version before the live one cannot be dropped (${detail.split('\n').slice(0, NAMED).join('; ')}): drop or move that, then publish again with the same --run.`,
      { cause: error },
    );
  }
}

/** Tables move by themselves where the schema is not to be renamed: it may be `public`, or hold what others made. */
export async function moveTables(client: pg.Client, { schema, layout }: Place, to: string): Promise<void> {
  const target = pg.escapeIdentifier(to);
  await client.query(
    [
      ...layout.relations.map(
        ({ kind, name }) => `alter ${kind} ${qualified(schema, name)} set schema ${target}`,
      ),
      ...FUNCTIONS.map(
        (name) => `alter function ${pg.escapeIdentifier(schema)}.${name} set schema ${target}`,
      ),
      // ALTER has no IF EXISTS for functions, and a look beforehand would be a question more for each collection.
      `do ${pg.escapeLiteral(
        `begin if to_regprocedure(${pg.escapeLiteral(ownFunction(schema))}) is not null then
           alter function ${ownFunction(schema)} set schema ${target}; end if; end`,
      )}`,
    ].join(';'),
  );
}

/** Gives whoever may use the relations of one schema the same rights to those of the same names in another. */
export async function copyGrants(client: pg.Client, { schema, layout }: Place, to: string): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `select format('grant %s on %I.%I to %s%s', a.privilege_type, $2::text, c.relname,
                   case when a.grantee = 0 then 'public' else quote_ident(r.rolname) end,
                   case when a.is_grantable then ' with grant option' else '' end) as statement
       from pg_class c cross join lateral aclexplode(c.relacl) a left join pg_roles r on r.oid = a.grantee
      where c.relnamespace = to_regnamespace($1) and c.relname = any ($3) and a.grantee <> c.relowner
        and exists (select from pg_class o where o.relnamespace = to_regnamespace($4) and o.relname = c.relname)`,
    [
      ...[pg.escapeIdentifier(schema), to],
      ...[layout.relations.map(({ name }) => name), pg.escapeIdentifier(to)],
    ],
  );
  if (rows.length > 0) await client.query(rows.map(({ statement }) => statement).join(';'));
}

/** Whether a collection's vectors still stand there: a person may have dropped them. */
export async function stands(client: pg.Client, { schema, layout }: Place): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>('select to_regclass($1) is not null as there', [
    qualified(schema, layout.vectors),
  ]);
  return rows[0]!.there;
}
