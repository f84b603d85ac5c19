import pg from 'pg';
import type { CollectionPlan, LayoutName, Plan } from '../contract.ts';
import { SchemaOccupied } from '../errors.ts';
import { collectionSchema, incomingComment, incomingSchema, previousSchema } from './collection-schema.ts';
import { layoutOf } from './layouts/layouts.ts';

/** Something that is not from a migration and stands where ours will be. */
interface Foreign {
  schema: string;
  kind: string;
  name: string;
}

/** What a row of pg_class is, for a sentence. */
const KIND = `case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'i' then 'index' else 'table' end`;

/**
 * Sees to it that nobody else's tables are replaced, moved or dropped, before anything is loaded: what is in the
 * way at the publication would cost all the work before it.
 *
 * @throws SchemaOccupied naming what is in the way
 */
export async function checkTargets(client: pg.Client, plan: Plan, where: string): Promise<void> {
  const { collections, options } = plan;
  const foreign =
    (options.schema === undefined
      ? await anythingIn(client, collections)
      : await ourNamesIn(client, collections[0] as CollectionPlan)) ??
    (await foreignWorkingSchema(client, collections));
  if (foreign)
    throw new SchemaOccupied(
      `Schema "${foreign.schema}" of ${where} holds a ${foreign.kind} "${foreign.name}" that is not from a migration: choose another schema with --schema, or move the ${foreign.kind} away.`,
    );
  await checkSameCollections(client, collections);
}

/** A schema that we named ourselves and that holds anything of others is a coincidence that nobody wants. */
async function anythingIn(client: pg.Client, collections: CollectionPlan[]): Promise<Foreign | undefined> {
  const { rows } = await client.query<Foreign>(
    `select n.nspname as schema, ${KIND} as kind, c.relname as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = any ($1) and c.relkind in ('r', 'p', 'v', 'm', 'f')
        and not exists (select from chroma_migration.published_schemas p where p.schema = n.nspname)
      order by 1, 3 limit 1`,
    [collections.map(({ schema }) => schema)],
  );
  return rows[0];
}

/**
 * A schema that a person names may hold what it likes, but the names that our tables bring must be free: of
 * relations, so of indexes and of keys too, and of functions. What is live of ours makes way when it is published.
 */
async function ourNamesIn(client: pg.Client, collection: CollectionPlan): Promise<Foreign | undefined> {
  const { schema } = collection;
  const live = await publishedLayout(client, schema);
  const ours = live === null ? [] : namesOf({ ...collection, layout: live });
  const wanted = namesOf(collection).filter((name) => !ours.includes(name));
  const { rows } = await client.query<Foreign>(
    `select $1 as schema, ${KIND} as kind, relname as name
       from pg_class c where relnamespace = to_regnamespace($3) and relname = any ($2)
     union all
     select $1, 'function', proname
       from pg_proc where pronamespace = to_regnamespace($3) and proname in ('search_similar', 'search_nearest')
        and $4
      order by 3 limit 1`,
    [schema, wanted, pg.escapeIdentifier(schema), live === null],
  );
  return rows[0];
}

const namesOf = (collection: CollectionPlan): string[] =>
  [...layoutOf(collection).relations, ...collectionSchema(collection, collection.schema).indexes].map(
    ({ name }) => name,
  );

async function publishedLayout(client: pg.Client, schema: string): Promise<LayoutName | null> {
  const { rows } = await client.query<{ layout: LayoutName }>(
    'select layout from chroma_migration.published_schemas where schema = $1',
    [schema],
  );
  return rows[0]?.layout ?? null;
}

/** Incoming schemas are dropped when they are stale, previous ones when the next is published: ours only. */
async function foreignWorkingSchema(
  client: pg.Client,
  collections: CollectionPlan[],
): Promise<Foreign | undefined> {
  const { rows } = await client.query<Foreign>(
    `select n.nspname as schema, ${KIND} as kind, c.relname as name
       from unnest($1::text[], $2::text[], $3::text[]) as planned (schema, incoming, previous)
       join pg_namespace n on n.nspname in (planned.incoming, planned.previous)
       join pg_class c on c.relnamespace = n.oid
      where case when n.nspname = planned.incoming
                 then not starts_with(coalesce(obj_description(n.oid, 'pg_namespace'), ''), $4)
                 else not exists (select from chroma_migration.published_schemas p
                                   where p.schema = planned.schema and p.previous_run is not null) end
      order by 1, 3 limit 1`,
    [
      collections.map(({ schema }) => schema),
      collections.map(({ schema }) => incomingSchema(schema)),
      collections.map(({ schema }) => previousSchema(schema)),
      incomingComment(''),
    ],
  );
  return rows[0];
}

/** What a schema holds may be replaced by a newer state of the same collection only, not by one of a like name. */
async function checkSameCollections(client: pg.Client, collections: CollectionPlan[]): Promise<void> {
  const { rows } = await client.query<{
    schema: string;
    tenant: string;
    database: string;
    collection: string;
  }>(
    `select c.schema, c.tenant, c.database, c.collection
       from chroma_migration.published_schemas p
       join chroma_migration.collections c using (run, schema)
       join unnest($1::text[], $2::text[], $3::text[], $4::text[]) as planned (schema, tenant, database, collection)
         on planned.schema = p.schema
      where (c.tenant, c.database, c.collection) <> (planned.tenant, planned.database, planned.collection) limit 1`,
    [
      collections.map(({ schema }) => schema),
      collections.map(({ tenant }) => tenant),
      collections.map(({ database }) => database),
      collections.map(({ collection }) => collection),
    ],
  );
  const found = rows[0];
  if (found)
    throw new SchemaOccupied(
      `Schema "${found.schema}" holds collection "${found.collection}" of tenant "${found.tenant}", database "${found.database}": migrate the other one by itself with --collections and --schema.`,
    );
}
