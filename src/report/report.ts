import type { CollectionPlan, RejectReason, ShardContent } from '../contract.ts';
import type { MigrationInput } from '../migration-input.ts';
import type { ChangedIds, SourceChanges } from '../verify/source-changes.ts';
import type { Verification } from '../verify/verification.ts';

/** `runs/<run>/report.json`: all that is known of a run, for machines. The HTML is drawn from it alone. */
export interface RunReport {
  version: 1;
  run: string;
  status: 'succeeded' | 'failed';
  error: null | { name: string; message: string; state: string | null };
  startedAt: string;
  finishedAt: string;
  source: { version: string };
  target: { postgresVersion: string; pgvectorVersion: string };
  store: string;
  options: MigrationInput;
  warnings: string[];
  collections: CollectionReport[];
  shards: ShardReport[];
  rejects: { schema: string; shard: number; id: string; reason: RejectReason; detail: string }[];
  /** All rejects of the run; `rejects` lists the first 1,000. */
  rejected: number;
  /** Rejects that were repaired, and are counted among the loaded records. */
  repaired: number;
  indexBuilds: IndexBuildReport[];
  parameters: ParameterReport[];
  /** Wall seconds in which at least one shard or collection was in that phase; phases overlap. */
  seconds: { total: number; export: number; import: number; index: number; verify: number };
}

export interface CollectionReport {
  plan: CollectionPlan;
  loaded: number;
  rejected: number;
  vanished: number;
  /** What was written to Chroma since the plan; null until it was looked for. */
  changes: SourceChanges | null;
  /** Of a run that updates live tables: by what they differed; null of any other. */
  delta: DeltaReport | null;
  checksum: { source: string | null; store: string | null; target: string | null };
  verification: Verification | null;
  indexes: string[];
  published: boolean;
}

export interface DeltaReport {
  unchanged: number;
  added: ChangedIds;
  changed: ChangedIds;
  /** In the live tables and not in Chroma: deleted, or kept. */
  missing: ChangedIds;
  deleted: boolean;
  /** Records that the live tables hold and Chroma no longer does; null until the update is committed. */
  kept: number | null;
}

export interface ShardReport {
  schema: string;
  number: number;
  content: ShardContent;
  /** Ids that were asked of Chroma: `records = loaded + rejected + vanished`. */
  records: number;
  loaded: number;
  rejected: number;
  vanished: number;
  /** Sum of the loaded records' digests modulo 2^64, decimal. */
  checksum: string;
  /** Bytes of the shard's objects in the store. */
  bytes: number;
  exportStartedAt: string | null;
  exportedAt: string | null;
  importStartedAt: string | null;
  importedAt: string | null;
}

export interface IndexBuildReport {
  schema: string;
  index: string;
  ddl: string;
  startedAt: string | null;
  finishedAt: string | null;
  state: string;
  error: string | null;
  /** Rows after which its graph outgrew the memory of the build, reckoned before it began; null: it fitted, or has none. */
  spillsAfter: number | null;
}

/** One setting: what it was, what it should be and why. */
export interface ParameterReport {
  name: string;
  scope: 'instance' | 'database';
  oldValue: string | null;
  newValue: string;
  unit: string | null;
  reason: string;
  needsReboot: boolean;
  applied: boolean;
}
