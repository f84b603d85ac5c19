import pg from 'pg';
import type { CollectionPlan, HnswSettings, IndexMethod, Space } from '../contract.ts';
import { CollectionNotFound } from '../errors.ts';
import { collectionSettings } from '../plan/collection-settings.ts';
import type { Workload } from './workload.ts';

/** A published collection as it stands in the database now. */
export interface LiveCollection {
  schema: string;
  tenant: string;
  database: string;
  collection: string;
  collectionId: string;
  /** As Postgres counts them for its planner: exact after ANALYZE, near otherwise. */
  records: number;
  dimension: number | null;
  space: Space;
  hnsw: HnswSettings;
  indexMethod: IndexMethod;
  /** Name of the index on the embeddings; null where there is none. */
  vectorIndex: string | null;
  /** Both tables without their indexes. */
  dataBytes: number;
  indexBytes: number;
}

interface Row extends Omit<LiveCollection, 'hnsw' | 'indexMethod'> {
  metadata: CollectionPlan['metadata'];
  configuration: unknown;
  method: IndexMethod | null;
}

/**
 * The published collections that stand as a pair of tables.
 *
 * @param names collections or schemas to look at; all by default
 * @throws CollectionNotFound if there are none, or one of the names is none
 */
export async function liveCollections(
  client: pg.Client,
  where: string,
  names?: readonly string[],
): Promise<LiveCollection[]> {
  const { rows: ledger } = await client.query<{ there: boolean }>(
    `select to_regclass('chroma_migration.published_schemas') is not null as there`,
  );
  const live = ledger[0]!.there ? await readLive(client) : [];
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
  const { rows } = await client.query<Row>(
    `select p.schema, c.tenant, c.database, p.collection, c.collection_id as "collectionId", c.dimension, c.space, c.metadata, c.configuration,
            case when e.reltuples > 0 then e.reltuples::bigint else c.records end as records,
            pg_table_size(d.oid) + pg_table_size(e.oid) as "dataBytes",
            pg_indexes_size(d.oid) + pg_indexes_size(e.oid) as "indexBytes",
            vector.name as "vectorIndex", vector.method
       from chroma_migration.published_schemas p
       join chroma_migration.collections c using (run, schema)
       join pg_class d on d.oid = to_regclass(format('%I.documents', p.schema))
       join pg_class e on e.oid = to_regclass(format('%I.embeddings', p.schema))
       left join lateral (select i.relname as name, a.amname as method
                            from pg_index x join pg_class i on i.oid = x.indexrelid join pg_am a on a.oid = i.relam
                           where x.indrelid = e.oid and x.indisvalid and a.amname in ('hnsw', 'ivfflat')
                           order by i.relname limit 1) vector on true
      order by p.schema`,
  );
  return rows.map(({ metadata, configuration, method, ...row }) => ({
    ...row,
    hnsw: collectionSettings({ metadata, configuration_json: configuration }).hnsw,
    indexMethod: method ?? 'hnsw',
  }));
}

export const liveWorkload = (live: readonly LiveCollection[]): Workload[] =>
  live.map(({ records, dimension, indexMethod, hnsw, dataBytes }) => ({
    rows: records,
    dimensions: dimension,
    indexMethod,
    efSearch: hnsw.efSearch,
    dataBytes,
  }));

/** `"schema"."name"` */
export const qualified = (schema: string, name: string): string =>
  `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`;
