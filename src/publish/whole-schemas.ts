/**
 * A collection moves with its schema where that holds nothing else: one statement, whatever else the database holds. To
 * move a function by itself, Postgres first reads all that have its name: of ten thousand schemas, ten thousand.
 */
import pg from 'pg';
import { SPARSE_FUNCTION } from '../postgres/sparse-columns.ts';
import { FUNCTIONS, type Place } from './move-tables.ts';

/** A collection, and the schema whose place its own is to take, or the other way round. */
export interface Exchange {
  place: Place;
  other: string;
}

/**
 * Those of the schemas that hold their collection and nothing of anybody else, and whose other one has the same owner.
 * What only the schema itself has stays with its name by {@link exchangeGrants}, or is a reason not to rename it: a
 * comment, a label, privileges that a role other than the owner passed on, and default privileges, which count as
 * something that it holds.
 *
 * Nothing keeps a person from making something in a schema while it is renamed, since a schema cannot be locked. It
 * then stands beside the version before, with which it is never dropped.
 */
export async function wholeSchemas(client: pg.Client, exchanges: readonly Exchange[]): Promise<Set<string>> {
  const { rows } = await client.query<{ schema: string; held: string[] }>(
    `select n.nspname as schema,
            array(select coalesce(
                           (select c.relname from pg_class c where d.classid = 'pg_class'::regclass and c.oid = d.objid),
                           (select p.proname || '(' || oidvectortypes(p.proargtypes) || ')'
                              from pg_proc p where d.classid = 'pg_proc'::regclass and p.oid = d.objid),
                           '')::text
                    from pg_depend d
                   where d.refclassid = 'pg_namespace'::regclass and d.refobjid = n.oid
                     and not exists (select from pg_depend s join pg_class c on c.oid = s.objid and c.relkind = 'S'
                                      where s.classid = 'pg_class'::regclass and s.classid = d.classid
                                        and s.objid = d.objid and s.refclassid = 'pg_class'::regclass
                                        and s.deptype in ('a', 'i'))) as held
       from unnest($1::text[], $2::text[]) as pair (schema, other)
       join pg_namespace n on n.nspname = pair.schema
       join pg_namespace o on o.nspname = pair.other and o.nspowner = n.nspowner
      where obj_description(n.oid, 'pg_namespace') is null
        and not exists (select from pg_seclabel where classoid = 'pg_namespace'::regclass and objoid = n.oid)
        and not exists (select from aclexplode(n.nspacl) a where a.grantor <> n.nspowner)`,
    [exchanges.map(({ place }) => place.schema), exchanges.map(({ other }) => other)],
  );
  const layouts = new Map(exchanges.map(({ place }) => [place.schema, place.layout]));
  const whole = rows.filter(({ schema, held }) => {
    const own = new Set([
      ...layouts.get(schema)!.relations.map(({ name }) => name),
      ...[...FUNCTIONS, SPARSE_FUNCTION],
    ]);
    return held.every((name) => own.has(name));
  });
  return new Set(whole.map(({ schema }) => schema));
}

interface Grant {
  schema: string;
  privilege: string;
  grantee: string;
  option: string;
}

/** Gives the grants on each of two schemas to the other, before they exchange their names. */
export async function exchangeGrants(client: pg.Client, pairs: readonly [string, string][]): Promise<void> {
  const others = new Map(pairs.flatMap(([one, other]) => [[one, other] as const, [other, one] as const]));
  const { rows } = await client.query<Grant>(
    `select n.nspname as schema, a.privilege_type as privilege,
            case when a.grantee = 0 then 'public' else quote_ident(r.rolname) end as grantee,
            case when a.is_grantable then ' with grant option' else '' end as option
       from pg_namespace n cross join lateral aclexplode(n.nspacl) a left join pg_roles r on r.oid = a.grantee
      where n.nspname = any ($1) and a.grantee <> n.nspowner`,
    [[...others.keys()]],
  );
  if (rows.length === 0) return;
  const on = (schema: string, privilege: string) => `${privilege} on schema ${pg.escapeIdentifier(schema)}`;
  await client.query(
    [
      ...rows.map(({ schema, privilege, grantee }) => `revoke ${on(schema, privilege)} from ${grantee}`),
      ...rows.map(
        ({ schema, privilege, grantee, option }) =>
          `grant ${on(others.get(schema)!, privilege)} to ${grantee}${option}`,
      ),
    ].join(';'),
  );
}

/** The collection moves with its schema, and takes a name that nobody has. */
export const renameSchema = (client: pg.Client, schema: string, to: string) =>
  client.query(`alter schema ${pg.escapeIdentifier(schema)} rename to ${pg.escapeIdentifier(to)}`);
