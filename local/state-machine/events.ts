import type { Json } from './json.ts';

/**
 * What an execution tells while it runs. A `path` names where a state stands, from outside in: states, and
 * between a map and its child's state the child's index, between a Parallel and its branch's the branch's.
 * `['MigrateShards', '12', 'ExportShard']`
 */
export type ExecutionEvent =
  | { type: 'state-entered'; state: string; path: readonly string[] }
  /** It did not succeed before, and is run again by a redrive. */
  | { type: 'state-redriven'; state: string; path: readonly string[] }
  | { type: 'state-exited'; state: string; path: readonly string[]; output: Json }
  | {
      type: 'retry';
      state: string;
      path: readonly string[];
      error: string;
      cause: string;
      /** 1 for the first retry of this visit of the state. */
      attempt: number;
      waitSeconds: number;
    }
  | { type: 'map-run-started'; state: string; items: number; mapRun: string }
  | {
      type: 'child-ended';
      state: string;
      index: number;
      status: ChildStatus;
      /** Name and cause of its failure. */
      error?: string;
      cause?: string;
    };

/** How a child of a Map Run ended. */
export type ChildStatus = 'SUCCEEDED' | 'FAILED' | 'ABORTED';

export type Emit = (event: ExecutionEvent) => void;
