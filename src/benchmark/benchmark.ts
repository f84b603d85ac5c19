import type { Space } from '../contract.ts';

/** Clients that ask at the same time, as the guide's table is read. */
export const CLIENTS = [1, 10, 50] as const;

export const SIDES = ['chroma', 'postgres'] as const;
export type Side = (typeof SIDES)[number];

/** Milliseconds of searches that one client asked one after the other. */
export interface LatencyFigures {
  searches: number;
  p50: number;
  p95: number;
  p99: number;
}

export interface ThroughputFigures {
  clients: number;
  searches: number;
  perSecond: number;
  p95: number;
  /** Of one processor that the asking program itself used, 0 to 1: near 1 it was the limit, not the server. */
  clientLoad: number;
}

/** The guide's table, measured: both databases on the same queries, in turn. */
export interface Benchmark {
  measuredAt: string;
  collection: string;
  schema: string;
  records: number;
  dimension: number;
  space: Space;
  /** Neighbours that each search asks for. */
  neighbours: number;
  queries: number;
  versions: { chroma: string; postgres: string; pgvector: string };
  latency: Record<Side, LatencyFigures>;
  throughput: Record<Side, ThroughputFigures>[];
  /** Share of the exact nearest that each found. */
  recall: Record<Side, number | null> & { efSearch: number | null };
  storage: {
    postgres: { dataBytes: number; indexBytes: number };
    /** null: its API does not say, and its folder was not named. */
    chroma: { bytes: number } | null;
  };
  backup: {
    tool: string | null;
    dumpSeconds: number | null;
    dumpBytes: number | null;
    restoreSeconds: number | null;
    /** Why something of it was not measured. */
    reason: string | null;
  };
}
