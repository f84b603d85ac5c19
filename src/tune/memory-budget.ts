/** What the server has and what claims a part of it, in bytes and numbers. */
export interface MemoryClaims {
  memoryBytes: number;
  maxConnections: number;
  /** Parallel workers of all sessions together: each may take work_mem of its own. */
  parallelWorkers: number;
  autovacuumWorkers: number;
  /** A hash table may take work_mem times this (PostgreSQL docs, 20.4: 2 from version 15 on, 1 before). */
  hashMemMultiplier: number;
  /** The largest graph that is built in memory. */
  largestGraphBytes: number;
  current: { sharedBuffers: number; maintenanceWorkMem: number; autovacuumWorkMem: number; workMem: number };
}

/** Bytes of each setting; together they never pass the machine's memory. */
export interface MemoryBudget {
  sharedBuffers: number;
  maintenanceWorkMem: number;
  autovacuumWorkMem: number;
  workMem: number;
}

/**
 * Shares of the machine's memory. RDS derives max_connections as memory / 9,531,392 bytes, so that half of it,
 * spread over all connections, is 2.3 MiB of work_mem each at a hash_mem_multiplier of 2.
 */
const SHARES = {
  /** "A reasonable starting value for shared_buffers is 25%" (PostgreSQL docs, 20.4 "Resource Consumption"). */
  sharedBuffers: 0.25,
  /** One index build at a time; parallel workers share the leader's maintenance_work_mem (docs, 20.4). */
  indexBuild: 0.15,
  /** All autovacuum workers together. */
  autovacuum: 0.05,
  /** For the operating system, WAL buffers and the backends' own few megabytes. */
  reserve: 0.05,
};

/** 20.4: less than this share leaves the cache small, "more than 40%" is unlikely to work better: kept in between. */
const SHARED_BUFFERS_KEPT = { least: 0.2, most: 0.4 };

const KIB = 1024;
const MIB = 1024 ** 2;
/** Postgres' defaults and least values (docs, 20.4). */
const DEFAULT_MAINTENANCE_WORK_MEM = 64 * MIB;
const LEAST = { sharedBuffers: 128 * KIB, maintenanceWorkMem: MIB, workMem: 64 * KIB };
/** Before version 17 vacuum never uses more than 1 GiB (docs, 20.4 "autovacuum_work_mem" of version 16). */
const MOST_AUTOVACUUM_WORK_MEM = 1024 * MIB;
/**
 * An iterative scan ends early once it holds work_mem × hnsw.scan_mem_multiplier, 1 by default (pgvector's
 * README, "Iterative Index Scans"); more than this is for queries of another kind, and only kept if it is there.
 */
const ENOUGH_WORK_MEM = 16 * MIB;

/**
 * Divides the memory so that even with all connections busy, each with one hash table, all autovacuum workers at
 * work and one index being built, nothing is left over-committed:
 *
 *   shared_buffers + (max_connections + max_parallel_workers) × work_mem × hash_mem_multiplier
 *   + autovacuum_max_workers × autovacuum_work_mem + maintenance_work_mem ≤ memory
 *
 * What is larger already and fits stays.
 */
export function memoryBudget(claims: MemoryClaims): MemoryBudget {
  const { memoryBytes: memory, current, autovacuumWorkers } = claims;
  const keptShare = current.sharedBuffers / memory;
  const sharedBuffers =
    keptShare >= SHARED_BUFFERS_KEPT.least && keptShare <= SHARED_BUFFERS_KEPT.most
      ? current.sharedBuffers
      : Math.max(LEAST.sharedBuffers, memory * SHARES.sharedBuffers);
  const maintenanceWorkMem = clamp(
    Math.max(current.maintenanceWorkMem, claims.largestGraphBytes, DEFAULT_MAINTENANCE_WORK_MEM),
    LEAST.maintenanceWorkMem,
    memory * SHARES.indexBuild,
  );
  const autovacuumWorkMem = clamp(
    Math.max(current.autovacuumWorkMem, DEFAULT_MAINTENANCE_WORK_MEM),
    LEAST.maintenanceWorkMem,
    Math.min((memory * SHARES.autovacuum) / Math.max(1, autovacuumWorkers), MOST_AUTOVACUUM_WORK_MEM),
  );
  const left =
    memory * (1 - SHARES.reserve) -
    sharedBuffers -
    maintenanceWorkMem -
    autovacuumWorkers * autovacuumWorkMem;
  const sessions = claims.maxConnections + claims.parallelWorkers;
  const workMem = clamp(
    Math.max(current.workMem, ENOUGH_WORK_MEM),
    LEAST.workMem,
    left / (Math.max(1, sessions) * Math.max(1, claims.hashMemMultiplier)),
  );
  return { sharedBuffers, maintenanceWorkMem, autovacuumWorkMem, workMem };
}

/** The least wins over the most: Postgres refuses to start below it, however small the machine. */
const clamp = (value: number, least: number, most: number): number => Math.max(least, Math.min(value, most));
