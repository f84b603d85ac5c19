import pg from 'pg';
import { RunSuperseded, SchemaOwned } from '../errors.ts';

/**
 * A run that has not been seen for so long is dead: no step runs longer than Lambda's 15 minutes, and each says
 * that it is alive when it ends.
 */
const DEAD_AFTER_MINUTES = 20;

/**
 * Makes the run the owner of its schemas, all or none, within the caller's transaction. Two runs that ask at
 * once meet at the row: the second waits and is then told.
 *
 * @throws SchemaOwned naming the owner
 */
export async function ownSchemas(
  client: pg.Client,
  run: string,
  schemas: readonly string[],
  takeOver: boolean,
): Promise<void> {
  const { rows } = await client.query<{ schema: string }>(
    `insert into chroma_migration.schema_owners as owner (schema, run)
     select schema, $1 from unnest($2::text[]) as schema order by schema
     on conflict (schema) do update set run = excluded.run, since = now()
      where owner.run = excluded.run or $3
         or exists (select from chroma_migration.runs r
                     where r.run = owner.run
                       and (r.state <> 'running' or r.seen_at < now() - make_interval(mins => $4)))
     returning schema`,
    [run, schemas, takeOver, DEAD_AFTER_MINUTES],
  );
  if (rows.length === schemas.length) return;
  const had = new Set(rows.map(({ schema }) => schema));
  const missing = schemas.filter((schema) => !had.has(schema));
  const { rows: owners } = await client.query<{ schema: string; run: string; seconds: number }>(
    `select o.schema, o.run, extract(epoch from now() - r.seen_at)::integer as seconds
       from chroma_migration.schema_owners o join chroma_migration.runs r using (run)
      where o.schema = any ($1) order by o.schema limit 1`,
    [missing],
  );
  const owner = owners[0];
  throw new SchemaOwned(
    `Schema "${owner?.schema}" belongs to run "${owner?.run}", last active ${owner?.seconds} s ago: go on with it by --run ${owner?.run}, or take the schema over with --take-over.`,
  );
}

/**
 * Sees to it that the run still owns all of the schemas, and keeps it so until the transaction's end: nobody can
 * take them over meanwhile. Shared, so that many steps of the run may hold them at once.
 *
 * @throws RunSuperseded
 */
export async function requireOwned(
  client: pg.Client,
  run: string,
  schemas: readonly string[],
): Promise<void> {
  const { rows } = await client.query<{ schema: string }>(
    'select schema from chroma_migration.schema_owners where run = $1 and schema = any ($2) for share',
    [run, schemas],
  );
  const owned = new Set(rows.map(({ schema }) => schema));
  const lost = schemas.find((schema) => !owned.has(schema));
  if (lost !== undefined)
    throw new RunSuperseded(
      `Run "${run}" no longer owns schema "${lost}", another run took it over: start a new run if it is still wanted.`,
    );
}

/**
 * Statements for the beginning of a message whose last one works on a table of the schema: they make it fail unless the
 * run owns the schema, and nobody can drop the table until its end. One message is one transaction, which the server
 * commits also where its client has gone meanwhile.
 *
 * @param table quoted, with its schema
 */
export function whileOwned(run: string, schema: string, table: string): string {
  const [ofRun, ofSchema] = [run, schema].map((name) => pg.escapeLiteral(name));
  // Whoever takes a schema over says so before its tables are dropped: the look comes after the lock.
  const look = `begin
    if not exists (select from chroma_migration.schema_owners where run = ${ofRun} and schema = ${ofSchema}) then
      raise exception 'another run has taken the schema over';
    end if;
  end`;
  return `lock table ${table} in access share mode; do ${pg.escapeLiteral(look)}; `;
}
