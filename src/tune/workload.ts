import type { IndexMethod, Plan } from '../contract.ts';

/** One migrated collection as tuning sees it. */
export interface Workload {
  rows: number;
  /** null: it never held a record. */
  dimensions: number | null;
  indexMethod: IndexMethod;
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
    efSearch: efSearch.get(collection.schema) ?? collection.hnsw.efSearch,
    dataBytes: collection.bytes,
  }));

/**
 * Bytes of an HNSW graph while it is built, in memory: about rows × (bytes of the vector + 8) × 1.3, measured
 * (pgvector's README, "Index Build Time", says only that it must fit maintenance_work_mem). A dimension takes
 * 4 bytes as `vector` (to 2,000 dimensions), 2 as `halfvec` (to 4,000) and an eighth as `bit` (above).
 */
export function graphBytes({ rows, dimensions, indexMethod }: Workload): number {
  if (dimensions === null || indexMethod !== 'hnsw') return 0;
  const bytesEach = dimensions <= 2000 ? 4 : dimensions <= 4000 ? 2 : 1 / 8;
  return Math.ceil(rows * (bytesEach * dimensions + 8) * 1.3);
}

/** Lists of an ivfflat index (pgvector's README, "IVFFlat"): rows / 1000 up to a million rows, then √rows. */
export const ivfflatLists = (rows: number): number =>
  Math.max(1, Math.round(rows <= 1_000_000 ? rows / 1000 : Math.sqrt(rows)));
