import type { CollectionPlan, MigrationInput, RejectReason } from '../contract.ts';
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
  checksum: { source: string | null; target: string | null };
  verification: Verification | null;
  indexes: string[];
  published: boolean;
}

export interface ShardReport {
  schema: string;
  number: number;
  records: number;
  loaded: number;
  rejected: number;
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
