/** What a person asks of a run, and how it is checked. */
import { z } from 'zod';
import { LAYOUTS, REJECT_POLICIES, RUN_NAME } from './contract.ts';

/** Most dimensions of pgvector's sparsevec (its README, "Sparse Vectors"). */
const MAX_SPARSE_DIMENSION = 1_000_000_000;

/** A column for the sparse vectors that a key of the metadata holds. */
export const SparseColumnRequest = z.strictObject({
  /** Key of the metadata. */
  key: z.string(),
  /** Name of the column; made from the key by default. */
  column: z
    .string()
    .refine(
      (name) => /^[^\0]+$/.test(name) && name.isWellFormed() && Buffer.byteLength(name) <= 63,
      'use a name of 1 to 63 bytes',
    )
    .optional(),
  /**
   * Dimension of the column and of what is searched for in it. Chroma knows none; by default the largest that there
   * is, so that every vector fits which pgvector can hold. It takes no room.
   */
  dimension: z.int().min(1).max(MAX_SPARSE_DIMENSION).default(MAX_SPARSE_DIMENSION),
});
export type SparseColumnRequest = z.infer<typeof SparseColumnRequest>;

/** The execution's input, as a person types it in the console. Every key may be left out. */
export const MigrationInput = z.strictObject({
  /** Name of the run; the execution's name by default. The same name goes on where that run stopped. */
  run: z
    .string()
    .regex(RUN_NAME, 'use 1 to 63 letters, digits, dots, dashes and underscores, first a letter or digit')
    .optional(),
  /** Names of collections; all of them by default. */
  collections: z.array(z.string().min(1)).nonempty().optional(),
  /** Tenants to look in; the server's default tenant by default. */
  tenants: z.array(z.string().min(1)).nonempty().optional(),
  /** Databases to look in; all databases of the tenants by default. */
  databases: z.array(z.string().min(1)).nonempty().optional(),
  /** Target schema, if exactly one collection is migrated; made from the collection's name by default. */
  schema: z.string().min(1).optional(),
  /** Shards that are exported and imported at the same time. More helps until the database is the limit. */
  concurrency: z.int().min(1).max(1000).default(8),
  /** What the store holds: the bytes that Postgres reads, or portable JSON lines. */
  format: z.enum(['pgcopy', 'jsonl']).default('pgcopy'),
  /**
   * What to do when a record cannot arrive as it is: publish nothing, publish the rest, or repair what can be without
   * guessing (docs/awkward-data.md) and publish nothing if others are left.
   */
  onReject: z.enum(REJECT_POLICIES).default('fail'),
  /** Vector bytes of a shard: smaller ones are retried sooner, larger ones cost fewer requests. */
  shardBytes: z
    .int()
    .min(64 * 1024)
    .max(1024 ** 3)
    .default(64 * 1024 * 1024),
  /** Tables that a collection arrives in: see LAYOUTS. */
  layout: z.enum(LAYOUTS).default('guide'),
  /** Keys of the metadata whose sparse vectors get a column each, in all collections (docs/awkward-data.md). */
  sparseColumns: z.array(SparseColumnRequest).nonempty().optional(),
  /** Approximate index on the embeddings. */
  index: z.enum(['hnsw', 'ivfflat']).default('hnsw'),
  /** Searches that verification samples from each collection. */
  sampleSize: z.int().min(0).max(10_000).default(50),
  /** Which of the recommended parameters are applied: see TunePolicy. */
  tune: z.enum(['apply', 'search', 'report', 'off']).default('search'),
  /** Whether the instance may be rebooted for parameters that need it. */
  allowReboot: z.boolean().default(false),
  /** Memory of the database server in bytes, where it cannot be found out. */
  instanceMemoryBytes: z.int().min(1).optional(),
  /** Take the target schemas over from another run that holds them. */
  takeOver: z.boolean().default(false),
  /** Bring the live tables up to date in place: only what differs from Chroma is moved. */
  updateExisting: z.boolean().default(false),
  /** With updateExisting: delete from the live tables what Chroma no longer holds. */
  deleteMissing: z.boolean().default(false),
});
export type MigrationInput = z.infer<typeof MigrationInput>;
/** As written by a caller: defaults not yet filled in. */
export type MigrationRequest = z.input<typeof MigrationInput>;
