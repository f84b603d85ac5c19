import { createHash } from 'node:crypto';
import pg from 'pg';
import type { CollectionPlan } from '../contract.ts';
import { collectionSchema, incomingSchema } from '../postgres/collection-schema.ts';
import type { IndexDefinition } from '../postgres/index-definition.ts';
import type { BuildProgress } from './wait.ts';

/** Where a collection's indexes stand. */
export interface IndexState {
  /** Names of those that stand. */
  valid: Set<string>;
  /** Left behind by a build that failed: must be dropped before it is built again. */
  invalid: string[];
  /** The build that is under way; null if there is none. */
  building: ({ index: string | null } & BuildProgress) | null;
}

export const definitionsOf = (collection: CollectionPlan): IndexDefinition[] =>
  collectionSchema(collection, incomingSchema(collection.schema)).indexes;

/**
 * The purpose under which a collection's build shows in pg_stat_activity, however long its names are
 * (application_name is cut at 63 bytes): it finds the backend after its client has died.
 */
export const buildPurpose = (run: string, schema: string): string =>
  `index ${createHash('sha256')
    .update(JSON.stringify([run, schema]))
    .digest('hex')
    .slice(0, 24)}`;

/** Looks at what the server is doing, and then at the catalogue. */
export async function indexState(client: pg.Client, run: string, schema: string): Promise<IndexState> {
  const incoming = pg.escapeIdentifier(incomingSchema(schema));
  // Nobody else sees the catalogue's row of an index before it is committed: its name is in the ledger.
  const builds = await client.query<{ index: string | null } & BuildProgress>(
    `select (select index from chroma_migration.index_builds
              where run = $2 and schema = $3 and state = 'building' order by started_at desc limit 1) as index,
            round(100.0 * case when p.tuples_total > 0 then p.tuples_done::numeric / p.tuples_total
                               when p.blocks_total > 0 then p.blocks_done::numeric / p.blocks_total end)::integer as percent,
            extract(epoch from clock_timestamp() - a.query_start)::float8 as seconds
       from pg_stat_activity a
       left join pg_stat_progress_create_index p using (pid)
      where a.application_name = $1 and a.pid <> pg_backend_pid() and a.state = 'active'
        -- Helpers have the same name.
        and a.backend_type = 'client backend'`,
    [`chroma-to-pgvector ${buildPurpose(run, schema)}`, run, schema],
  );
  // Read second: a build that has ended by the first look is in the catalogue by now. The catalogue has an index on what
  // depends on a schema, and none on what lies in it: of 10,000 schemas, 0.5 ms instead of 100.
  const { rows } = await client.query<{ name: string; valid: boolean }>(
    `with tables as (
       select objid as oid from pg_depend
        where refclassid = 'pg_namespace'::regclass and refobjid = to_regnamespace($1)
          and classid = 'pg_class'::regclass)
     select c.relname as name, i.indisvalid as valid
       from tables t join pg_index i on i.indrelid = t.oid join pg_class c on c.oid = i.indexrelid
      union all
     select f.conname, f.convalidated
       from tables t join pg_constraint f on f.conrelid = t.oid where f.contype = 'f'`,
    [incoming],
  );
  return {
    valid: new Set(rows.filter(({ valid }) => valid).map(({ name }) => name)),
    invalid: rows.filter(({ valid }) => !valid).map(({ name }) => name),
    building: builds.rows[0] ?? null,
  };
}
