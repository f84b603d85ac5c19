import pg from 'pg';

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
 * Locks a collection's tables against readers and writers. Both at once and before anything moves: a query that
 * names two tables would else see one old and one new.
 */
export async function lockTables(client: pg.Client, schema: string): Promise<void> {
  const names = TABLES.map((table) => `${pg.escapeIdentifier(schema)}.${table}`);
  await client.query(`lock table ${names.join(', ')} in access exclusive mode`);
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
