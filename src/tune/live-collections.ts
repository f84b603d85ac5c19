import pg from 'pg';
import type { CollectionPlan, HnswSettings, IndexMethod, LayoutName, Space } from '../contract.ts';
import { CollectionNotFound } from '../errors.ts';
import { collectionSettings } from '../plan/collection-settings.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import { hasLedgerTable } from '../postgres/ledger-schema.ts';
import type { Workload } from './workload.ts';

/** A published collection as it stands in the database now. */
export interface LiveCollection {
  schema: string;
  tenant: string;
  database: string;
  collection: string;
  collectionId: string;
  layout: LayoutName;
  /** As Postgres counts them for its planner: exact after ANALYZE, near otherwise. */
  records: number;
  dimension: number | null;
  space: Space;
  hnsw: HnswSettings;
  indexMethod: IndexMethod;
  /** Name of the index on the embeddings; null where there is none. */
  vectorIndex: string | null;
  /** Its tables without their indexes. */
  dataBytes: number;
  indexBytes: number;
}

interface Row
  extends Pick<
    LiveCollection,
    | 'schema'
    | 'tenant'
    | 'database'
    | 'collection'
    | 'collectionId'
    | 'layout'
    | 'records'
    | 'dimension'
    | 'space'
  > {
  metadata: CollectionPlan['metadata'];
  configuration: unknown;
}

/** What stands in the database now; `records` is null until its planner has counted them. */
interface Tables extends Pick<LiveCollection, 'schema' | 'vectorIndex' | 'dataBytes' | 'indexBytes'> {
  records: number | null;
  method: IndexMethod | null;
}

/**
 * The published collections whose tables stand.
 *
 * @param names collections or schemas to look at; all by default
 * @throws CollectionNotFound if there are none, or one of the names is none
 */
export async function liveCollections(
  client: pg.Client,
  where: string,
  names?: readonly string[],
): Promise<LiveCollection[]> {
  const live = (await hasLedgerTable(client)) ? await readLive(client) : [];
  if (live.length === 0)
    throw new CollectionNotFound(`${where} holds no migrated collection: run migrate with it as --target.`);
  const unknown = names?.find(
    (name) => !live.some(({ schema, collection }) => name === schema || name === collection),
  );
  if (unknown !== undefined)
    throw new CollectionNotFound(
      `${where} holds no migrated collection or schema "${unknown}": it has ${live.map(({ schema }) => schema).join(', ')}.`,
    );
  return names
    ? live.filter(({ schema, collection }) => names.includes(schema) || names.includes(collection))
    : live;
}

async function readLive(client: pg.Client): Promise<LiveCollection[]> {
  const { rows: published } = await client.query<Row>(
    `select p.schema, c.tenant, c.database, p.collection, c.collection_id as "collectionId", c.dimension, c.space,
            c.records, c.metadata, c.configuration,
            -- A ledger of an older version knows no layouts.
            coalesce(to_jsonb(p) ->> 'layout', 'guide') as layout
       from chroma_migration.published_schemas p
       join chroma_migration.collections c using (run, schema)
      order by p.schema`,
  );
  const { rows: tables } = await client.query<Tables>(
    `select live.schema,
            case when v.reltuples > 0 then v.reltuples::bigint end as records,
            (select coalesce(sum(pg_table_size(r.oid)), 0)::bigint from unnest(live.names) as name
               join pg_class r on r.oid = to_regclass(format('%I.%I', live.schema, name)) and r.relkind <> 'v') as "dataBytes",
            (select coalesce(sum(pg_indexes_size(r.oid)), 0)::bigint from unnest(live.names) as name
               join pg_class r on r.oid = to_regclass(format('%I.%I', live.schema, name)) and r.relkind <> 'v') as "indexBytes",
            vector.name as "vectorIndex", vector.method
       from jsonb_to_recordset($1::jsonb) as live (schema text, vectors text, names text[])
       join pg_class v on v.oid = to_regclass(format('%I.%I', live.schema, live.vectors))
       left join lateral (select i.relname as name, a.amname as method
                            from pg_index x join pg_class i on i.oid = x.indexrelid join pg_am a on a.oid = i.relam
                           where x.indrelid = v.oid and x.indisvalid and a.amname in ('hnsw', 'ivfflat')
                           order by i.relname limit 1) vector on true`,
    [
      JSON.stringify(
        published.map((one) => ({
          schema: one.schema,
          vectors: layoutOf(one).vectors,
          names: layoutOf(one).relations.map(({ name }) => name),
        })),
      ),
    ],
  );
  const standing = new Map(tables.map((one) => [one.schema, one]));
  return published.flatMap(({ metadata, configuration, ...row }) => {
    const found = standing.get(row.schema);
    if (!found) return [];
    const { method, records, ...measured } = found;
    return {
      ...row,
      ...measured,
      records: records ?? row.records,
      hnsw: collectionSettings({ metadata, configuration_json: configuration }).hnsw,
      indexMethod: method ?? ('hnsw' as const),
    };
  });
}

export const liveWorkload = (live: readonly LiveCollection[]): Workload[] =>
  live.map(({ records, dimension, indexMethod, hnsw, dataBytes }) => ({
    rows: records,
    dimensions: dimension,
    indexMethod,
    hnsw,
    efSearch: hnsw.efSearch,
    dataBytes,
  }));

/** `"schema"."name"` */
export const qualified = (schema: string, name: string): string =>
  `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`;
