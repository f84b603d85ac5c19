import type { HnswSettings, IndexMethod, Plan } from '../contract.ts';
import { graphBytes } from '../index-build/hnsw-size.ts';

/** One migrated collection as tuning sees it. */
export interface Workload {
  rows: number;
  /** null: it never held a record. */
  dimensions: number | null;
  indexMethod: IndexMethod;
  hnsw: Pick<HnswSettings, 'm' | 'efConstruction'>;
  /** Candidates while searching with which its recall was measured (1 to 1000). */
  efSearch: number;
  /** Estimated bytes of both tables' data. */
  dataBytes: number;
}

/** `efSearch`: by schema, where verification found what recall takes; Chroma's own otherwise. */
export const workloadOf = (
  plan: Pick<Plan, 'collections'>,
  efSearch: ReadonlyMap<string, number>,
): Workload[] =>
  plan.collections.map((collection) => ({
    rows: collection.records,
    dimensions: collection.dimension,
    indexMethod: collection.indexMethod,
    hnsw: collection.hnsw,
    efSearch: efSearch.get(collection.schema) ?? collection.hnsw.efSearch,
    dataBytes: collection.bytes,
  }));

/** Of the graph of an HNSW index while it is built; 0 for what has none. */
export const graphOf = ({ rows, dimensions, indexMethod, hnsw }: Workload): number =>
  dimensions === null || indexMethod !== 'hnsw'
    ? 0
    : graphBytes({ records: rows, dimension: dimensions, hnsw });

/** Lists of an ivfflat index (pgvector's README, "IVFFlat"): rows / 1000 up to a million rows, then √rows. */
export const ivfflatLists = (rows: number): number =>
  Math.max(1, Math.round(rows <= 1_000_000 ? rows / 1000 : Math.sqrt(rows)));
