/** Where the engine says what it does. One line is one JSON object; fields never hold a secret. */
export interface Log {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
}

/**
 * Progress of long work, said at most about once a second with the message `progress`. The local runner
 * and the log queries of the dashboard read these fields.
 */
export type Progress = ShardProgress | EstateProgress;

interface ShardProgress {
  phase: 'export' | 'import' | 'index' | 'verify';
  schema: string;
  /** Shard number, for export and import. */
  shard?: number;
  /** Records done so far of this shard or collection. */
  records?: number;
  /** Percentage of the present index build. */
  percent?: number;
  /** Name of the index that is being built. */
  index?: string;
}

/** Of a step that goes through all collections in one call. */
interface EstateProgress {
  phase: 'plan' | 'prepare' | 'publish';
  /** Done so far, of so many. */
  collections: number;
  of: number;
}

export const reportProgress = (log: Log, progress: Progress): void => log.info('progress', { ...progress });

/** A log that says nothing, for callers that do not care. */
export const silentLog: Log = { info() {}, warn() {} };
