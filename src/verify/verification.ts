import type { SparseColumnFinding } from '../postgres/sparse-columns.ts';

/** What verification found of one collection: `runs/<run>/verification/<schema>.json`. */
export interface Verification {
  run: string;
  schema: string;
  collection: string;
  verified: boolean;
  startedAt: string;
  finishedAt: string;
  /** `planned = loaded + rejected + vanished`; source: what Chroma holds now. */
  records: {
    source: number;
    planned: number;
    loaded: number;
    rejected: number;
    vanished: number;
    target: number;
  };
  dimension: { source: number | null; target: number | null };
  /** `store`: of the digests that lie in the store and of the repaired records'; null if it has lost some. */
  checksum: { source: string; store: string | null; target: string };
  /** The same of each shard of the run. */
  stored: { number: number; checksum: string | null }[];
  /** One sentence for each thing that is not as it should be; empty if verified. */
  mismatches: string[];
  /** Records that differ, at most 100 of each kind, named by their Chroma id where it is known. */
  differing: { missing: string[]; unexpected: string[]; changed: string[] };
  /** Rows whose guide columns (file_path, chunk_index, …) are not what their metadata says. */
  metadataMismatches: number;
  /** Records with a vector of zeros, which a cosine index does not hold; 0 in other spaces. */
  zeroVectors: number;
  /** Columns of sparse vectors that the tables have. */
  sparseColumns: SparseColumnFinding[];
  searches: {
    sampled: number;
    /** Of the exact nearest how many were found, and in how many searches the very nearest. */
    neighbours: { successful: number; found: number; wanted: number };
    /** Mean share of the exact ten nearest that were found, 0 to 1; null if nothing was sampled. */
    recallAt10: number | null;
    chromaRecallAt10: number | null;
    /** Largest relative difference between Chroma's distances and ours for the same record. */
    largestDistanceDifference: number | null;
    /** `hnsw.ef_search` with which that recall was measured: Chroma's own, or more if it took more. */
    efSearch: number | null;
    /** Milliseconds of each sampled search through the index, in order of size. */
    latencyMilliseconds: number[];
    chromaLatencyMilliseconds: number[];
    /**
     * Whether EXPLAIN shows the approximate index in use; null if the collection has none, or if the planner could
     * use it and rightly reads the whole table instead, as it does where the table is small or `efSearch` large.
     */
    indexUsed: boolean | null;
    indexName: string | null;
  };
  indexes: string[];
}
