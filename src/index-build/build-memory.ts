import type pg from 'pg';
import type { CollectionPlan } from '../contract.ts';
import { graphBytes } from './hnsw-size.ts';

/** What one build may take of the server. */
export interface BuildResources {
  /** Has the whole budget to itself; others wait. */
  exclusive: boolean;
  maintenanceKilobytes: number;
  /** Backends that help the one that builds. */
  parallelWorkers: number;
  /** Whether it is worth a helper, whatever the table's size is without its vectors. */
  isShared: boolean;
}

/** Statements that give a session its resources. */
export const setResources = ({ maintenanceKilobytes, parallelWorkers, isShared }: BuildResources): string =>
  [
    `set maintenance_work_mem = '${maintenanceKilobytes}kB'`,
    `set max_parallel_maintenance_workers = ${parallelWorkers}`,
    ...(isShared ? ['set min_parallel_table_scan_size = 0'] : []),
  ].join('; ');

export const RESOURCES_AS_BEFORE =
  'reset maintenance_work_mem; reset max_parallel_maintenance_workers; reset min_parallel_table_scan_size';

/** Share of the server's memory that builds may take; shared_buffers has another quarter, queries the rest. */
export const BUILD_SHARE = 1 / 4;
/** A build that needs more of the budget than this is large: it gets all of it, alone. */
const LARGE_SHARE = 1 / 4;
/** Small builds that may run side by side (src/plan/store-plan.ts: MOST_INDEX_BUILDS). */
const SMALL_BUILDS = 4;
const GRAPH_MARGIN = 1.1;
/**
 * Vectors that lie beside their table (TOAST, from some 490 dimensions on) let it look small to Postgres, which shares
 * out a build from 8 MB of the table itself: nobody would help with the index of fewer than 90,000 vectors of 1,536
 * dimensions. So the vectors count here. A build that takes a tenth of a second needs no helper: its start is as long.
 */
const SHARED_FROM_BYTES = 8 * 1024 ** 2;

/**
 * Sizes a build by the graph that it makes in memory: past maintenance_work_mem the rest of an HNSW build is
 * several times slower. Where the server's memory is not known it is taken for four times its shared_buffers,
 * as RDS sets them to a quarter.
 */
export async function buildResources(
  client: pg.Client,
  collection: Pick<CollectionPlan, 'records' | 'dimension' | 'hnsw'>,
  instanceMemoryBytes: number | undefined,
): Promise<BuildResources> {
  const { rows } = await client.query<{ shared: number; maintenance: number; workers: number }>(
    `select pg_size_bytes(current_setting('shared_buffers')) as shared,
            pg_size_bytes(current_setting('maintenance_work_mem')) as maintenance,
            current_setting('max_parallel_workers')::integer as workers`,
  );
  const { shared, maintenance, workers } = rows[0]!;
  const memory = instanceMemoryBytes ?? 4 * shared;
  const budget = Math.max(maintenance, memory * BUILD_SHARE);
  const needed = graphBytes(collection) * GRAPH_MARGIN;
  const exclusive = needed > budget * LARGE_SHARE;
  // Nobody else builds beside an exclusive one: a graph that outgrew its estimate would cost far more than memory.
  const bytes = exclusive ? budget : Math.max(needed, Math.min(maintenance, budget / SMALL_BUILDS));
  return {
    exclusive,
    maintenanceKilobytes: Math.max(1024, Math.ceil(bytes / 1024)),
    parallelWorkers: exclusive ? workers : Math.max(1, Math.floor(workers / SMALL_BUILDS)),
    isShared: 4 * collection.records * (collection.dimension ?? 0) >= SHARED_FROM_BYTES,
  };
}
