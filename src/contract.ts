/**
 * What crosses the state machine: each step's input and output, once. The handlers in `lambdas/` take and
 * return these types, `lib/` wires them with JSONata, and everything larger than a pointer lies in the store
 * (a state's payload holds 256 KiB).
 */
import type { MigrationInput } from './migration-input.ts';

export const SPACES = ['l2', 'cosine', 'ip'] as const;
export type Space = (typeof SPACES)[number];
export type ShardFormat = 'pgcopy' | 'jsonl';
export const REJECT_POLICIES = ['fail', 'quarantine', 'repair'] as const;
export type RejectPolicy = (typeof REJECT_POLICIES)[number];
export type ShardContent = 'rows' | 'digests';
/**
 * `apply`: all recommended parameters; `search`: only the database's own search settings (hnsw.*), which
 * carry Chroma's over; `report`: none, they are only computed; `off`: not even that.
 */
export type TunePolicy = 'apply' | 'search' | 'report' | 'off';
export type IndexMethod = 'hnsw' | 'ivfflat';
/**
 * Tables that a collection arrives in. `guide`: documents and embeddings; `flat`: one table; `shared`: the guide's,
 * as partitions of one pair for all collections of a dimension and space; `langchain`, `llamaindex`: those that the
 * vector stores of these libraries read (docs/layouts.md).
 */
export const LAYOUTS = ['guide', 'flat', 'shared', 'langchain', 'llamaindex'] as const;
export type LayoutName = (typeof LAYOUTS)[number];

/** A run's name: it becomes a folder of the store and a key of the ledger. */
export const RUN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** A column for the sparse vectors that a key of the metadata holds. */
export interface SparseColumn {
  key: string;
  column: string;
  dimension: number;
}

/** How Chroma's graph was built; carried over to Postgres. */
export interface HnswSettings {
  /** `max_neighbors` in Chroma, `m` in pgvector (2 to 100). */
  m: number;
  /** Candidates while building (pgvector: 4 to 1000, at least 2·m). */
  efConstruction: number;
  /** Candidates while searching (pgvector: 1 to 1000). */
  efSearch: number;
}

/** One kind of metadata value and how often the sample had it. */
export interface MetadataKeyProfile {
  key: string;
  types: string[];
  /** Share of sampled records that have the key, 0 to 1. */
  share: number;
}

/** What a look at a few records says about the collection; sizes in bytes of UTF-8. */
export interface CollectionProfile {
  sampled: number;
  averageDocumentBytes: number;
  averageMetadataBytes: number;
  averageIdBytes: number;
  metadataKeys: MetadataKeyProfile[];
}

/** One collection of the plan. `schema` is the key by which the rest of the run knows it. */
export interface CollectionPlan {
  tenant: string;
  database: string;
  collection: string;
  collectionId: string;
  schema: string;
  /** null while the collection has never held a record. */
  dimension: number | null;
  space: Space;
  /** Records at the time of the plan: ids that were listed. */
  records: number;
  shards: number;
  /** Of the shards' lists of ids ({@link hashOfLists}); absent where none were stored. */
  idsHash?: string;
  /** Estimated bytes of the shards in the store. */
  bytes: number;
  hnsw: HnswSettings;
  indexMethod: IndexMethod;
  layout: LayoutName;
  /** Absent where none were asked for. */
  sparseColumns?: SparseColumn[];
  /** Name of the embedding model, where Chroma knows it. */
  model: string | null;
  /** Chroma's own words on the collection, kept in the ledger. */
  metadata: Record<string, unknown> | null;
  /** The JSON of `metadata` as Chroma sent it, where JavaScript's values are not the same (src/chroma/listed-collections.ts). */
  metadataText?: string;
  configuration: unknown;
  /** The same of `configuration`. */
  configurationText?: string;
  profile: CollectionProfile;
}

/** `runs/<run>/plan.json` */
export interface Plan {
  version: 1;
  run: string;
  createdAt: string;
  /** Origin of the Chroma server, without credentials; the place of the files that were read instead. */
  source: string;
  /** Chroma's version as the server says it. */
  sourceVersion: string;
  options: MigrationInput;
  collections: CollectionPlan[];
  warnings: string[];
  /** SHA-256 of `shards.json`; absent from plans of before it was kept. */
  shardsHash?: string;
}

/** One element of `runs/<run>/shards.json`: all that the shard's export needs. */
export interface ShardItem {
  run: string;
  tenant: string;
  database: string;
  collection: string;
  collectionId: string;
  schema: string;
  dimension: number;
  /** Number of the shard in its collection, from 0. */
  number: number;
  /** What is made of the records: rows to load, or only the digests by which they are compared with the live tables. */
  content: ShardContent;
  /** First record's offset in Chroma's order of insertion; of a shard that is read by ids, the first free one. */
  offset: number;
  /** Ids that were listed; they lie in the shard's `ids.jsonl`. */
  records: number;
  /** SHA-256 (hex) of that object: what was exported of other ids is not taken for this shard. */
  idsHash: string;
  /** Its records do not lie side by side, so they are asked for by their ids. */
  byIds: boolean;
  format: ShardFormat;
  layout: LayoutName;
  /** Records that are asked of Chroma at a time. */
  pageSize: number;
}

/** A collection in the lists that the maps go through. */
export interface CollectionItem {
  run: string;
  schema: string;
  /** Chroma's name of it, for those who read the logs. */
  collection: string;
}

/**
 * One element of a map's list: what one child goes through in turn. A large shard or collection is alone in its batch,
 * small ones share one, so that ten thousand collections need a hundred children and not ten thousand.
 */
export interface Batch<Item> {
  items: Item[];
}

/** An object of the store as the exporter left it. */
export interface StoredObject {
  key: string;
  bytes: number;
  /**
   * CRC-32 (ISO 3309, as in gzip and S3's own checksums) in hex: it shows what a disk or a line did, at a third of
   * SHA-256's processor time, which was a third of the importer's. That every record is right is proven by its digest.
   */
  crc32: string;
}

/** An object as a manifest has it: one of version 1, of which exports and runs are still imported, has its SHA-256 (hex). */
export type ShardObject = StoredObject | (Omit<StoredObject, 'crc32'> & { sha256: string });

/** `runs/<run>/shards/<schema>/<number>/manifest.json`: written last, so it means that the shard is whole. */
export interface ShardManifest {
  version: 1 | 2;
  run: string;
  schema: string;
  number: number;
  collection: string;
  collectionId: string;
  dimension: number;
  format: ShardFormat;
  layout: LayoutName;
  content: ShardContent;
  /** SHA-256 (hex) of the ids that were asked for. */
  idsHash: string;
  /** Ids that were asked for; `read = written + rejected + vanished`. */
  read: number;
  written: number;
  rejected: number;
  /** Ids that Chroma held when they were listed, and no longer when their records were read. */
  vanished: number;
  /** Sum of the written records' digests modulo 2^64, in decimal. */
  checksum: string;
  objects: {
    /** format pgcopy: two tables, or one */
    documents?: ShardObject;
    embeddings?: ShardObject;
    rows?: ShardObject;
    /** format jsonl */
    records?: ShardObject;
    /** 24 bytes a record: id (16), digest (8, big-endian). */
    digests: ShardObject;
    /** Absent if nothing was rejected. */
    rejects?: ShardObject;
    /** JSON text of an id a line; absent if nothing vanished. */
    vanished?: ShardObject;
  };
  startedAt: string;
  finishedAt: string;
}

/** Why a record cannot arrive as it is; one line of `rejects.jsonl`. */
export interface Reject {
  /** The record's id with everything that Postgres text cannot hold escaped as in JSON. */
  id: string;
  /** Position in the collection (Chroma's offset). */
  offset: number;
  reason: RejectReason;
  /** One sentence for a person. */
  detail: string;
  /** The record as Chroma sent it, in JSON text: nothing of it is lost. */
  record: string;
}

export type RejectReason =
  | 'nul-in-id'
  | 'nul-in-document'
  | 'nul-in-uri'
  | 'nul-in-metadata'
  | 'lone-surrogate'
  | 'embedding-missing'
  | 'embedding-not-finite'
  | 'wrong-dimension'
  | 'metadata-too-large'
  | 'too-large-for-index'
  | 'undeliverable'
  | 'unreadable';

/* ── steps, in the order of the state machine ─────────────────────────────────────────────────────────── */

export interface PlanStepInput {
  /** Name of the execution; names the run unless the input does. */
  execution: string;
  /** The execution's input, not yet trusted. */
  input: unknown;
}
/** Held in the state machine's variable `$plan`; every later step points into the store with it. */
export interface PlanStepOutput {
  run: string;
  planKey: string;
  /** Keys of the lists of batches that the maps go through. */
  shardsKey: string;
  collectionsKey: string;
  collections: number;
  shards: number;
  records: number;
  /** MaxConcurrency of the shard maps, of IndexCollections and of VerifyCollections. */
  concurrency: number;
  indexConcurrency: number;
  verifyConcurrency: number;
  tune: TunePolicy;
  allowReboot: boolean;
}

export interface RunPointer {
  run: string;
}
export interface PrepareDatabaseOutput {
  run: string;
  pgvectorVersion: string;
  warnings: string[];
}

export interface ExportShardOutput extends CollectionItem {
  number: number;
  manifestKey: string;
  read: number;
  rejected: number;
  vanished: number;
  /** The shard had been exported before and nothing was done. */
  skipped: boolean;
}
export interface ImportShardInput extends CollectionItem {
  number: number;
  manifestKey: string;
}
export interface ImportShardOutput {
  run: string;
  schema: string;
  number: number;
  loaded: number;
  /** The ledger already had the shard and nothing was done. */
  skipped: boolean;
}

export interface FindUnfinishedShardsOutput {
  unfinished: number;
  /** Key of the JSON array of Batch<ShardItem>. */
  unfinishedKey: string;
  rejected: number;
}

export interface IndexBuildInput extends CollectionItem {
  /** How often the child has looked already; the wait grows with it. */
  looks: number;
}
/** The collections of a batch whose indexes are not known to be valid; the first may be under way. */
export interface IndexBatchInput extends Batch<CollectionItem> {
  looks: number;
}
export interface IndexBuildOutput extends CollectionItem {
  /** `valid`: all indexes stand. `building`: one is being built. `waiting`: another build has the memory. `stopped`: start again. */
  state: 'valid' | 'building' | 'waiting' | 'stopped';
  index: string | null;
  percent: number | null;
  looks: number;
  waitSeconds: number;
}

/** What was found of the first collection that is left; `valid` if none is. */
export type IndexBatchOutput = IndexBatchInput & Omit<IndexBuildOutput, keyof IndexBuildInput>;

/** Searches sampled from Chroma for verification: `runs/<run>/searches/<schema>.json`. */
export interface SampledSearches {
  schema: string;
  /** Records in Chroma at the time of the sample. */
  records: number;
  /** Dimension as Chroma says it now. */
  dimension: number | null;
  queries: {
    /** The record whose vector is searched for. */
    id: string;
    embedding: number[];
    /**
     * Chroma's ten nearest and its own distances, nearest first; a distance may be missing (null). No ids: files were
     * read, which answer nothing.
     */
    ids: string[];
    distances: (number | null)[];
    milliseconds: number;
  }[];
  /** SHA-256 (hex) of each neighbour's vector in Postgres' form, by id: distances of a vector that was changed since differ. */
  vectors?: Record<string, string>;
}
export interface SampleSearchesOutput extends CollectionItem {
  searchesKey: string;
  sampled: number;
}

export interface VerifyCollectionOutput extends CollectionItem {
  records: number;
  checksum: string;
  recallAt10: number | null;
}

export interface PublishOutput {
  run: string;
  published: number;
}

/** As `rds:ModifyDBParameterGroup` takes it. */
export interface ParameterSetting {
  ParameterName: string;
  ParameterValue: string;
  ApplyMethod: 'immediate' | 'pending-reboot';
}
export interface RecommendParametersOutput {
  run: string;
  /** At most 20 settings in each: the limit of one call. Empty if nothing is to be applied. */
  batches: ParameterSetting[][];
  rebootNeeded: boolean;
}

export interface WriteReportInput extends RunPointer {
  status: 'succeeded' | 'failed';
  error?: { name: string; message: string; state: string | null };
}
export interface WriteReportOutput {
  run: string;
  reportKey: string;
  htmlKey: string;
}
