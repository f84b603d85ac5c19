import type { ParameterReport } from '../report/report.ts';
import { type MemoryBudget, memoryBudget } from './memory-budget.ts';
import { bytesInUnit, type CurrentSetting, settingBytes, sizeInWords } from './setting-units.ts';
import { graphOf, ivfflatLists, type Workload } from './workload.ts';

export interface TuningInput {
  memoryBytes: number;
  /** Only that much is known to be there: then nothing is made smaller on its account. */
  memoryIsLowerBound: boolean;
  /** null where they cannot be found out; a lower bound is then taken from the memory. */
  vcpus: number | null;
  workload: readonly Workload[];
  /** Rows of pg_settings by name; settings that the server does not have are not recommended. */
  current: ReadonlyMap<string, CurrentSetting>;
}

/** All that pg_settings has to be asked for. */
export const SETTINGS_READ: readonly string[] = [
  'shared_buffers',
  'effective_cache_size',
  'maintenance_work_mem',
  'autovacuum_work_mem',
  'work_mem',
  'max_wal_size',
  'checkpoint_timeout',
  'checkpoint_completion_target',
  'max_parallel_maintenance_workers',
  'random_page_cost',
  'hnsw.ef_search',
  'hnsw.iterative_scan',
  'ivfflat.probes',
  'max_connections',
  'max_worker_processes',
  'max_parallel_workers',
  'autovacuum_max_workers',
  'hash_mem_multiplier',
];

/** A setting's new value: bytes for memory, a plain number or a word for the rest. */
type Advice = { reason: string } & ({ bytes: number } | { number: number } | { word: string });

interface Rule {
  name: string;
  scope: ParameterReport['scope'];
  /** `raise`: a larger value stays; `set`: a value that differs by more than 5 percent is replaced. */
  change: 'raise' | 'lower' | 'set';
  advise: (facts: Facts) => Advice | null;
}

interface Facts extends TuningInput {
  budget: MemoryBudget;
  largestGraphBytes: number;
  number: (name: string, absent: number) => number;
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

const RULES: Rule[] = [
  {
    name: 'shared_buffers',
    scope: 'instance',
    change: 'set',
    advise: ({ budget, memoryBytes }) => ({
      bytes: budget.sharedBuffers,
      reason: `A quarter of ${sizeInWords(memoryBytes)} of memory, PostgreSQL's own advice; Postgres keeps hot pages of the index here.`,
    }),
  },
  {
    // Docs, 20.7 "Planner Cost Constants": shared_buffers and the kernel's cache together; it allocates nothing.
    name: 'effective_cache_size',
    scope: 'instance',
    change: 'set',
    advise: ({ memoryBytes }) => ({
      bytes: 0.75 * memoryBytes,
      reason: `Three quarters of memory can cache pages, so that the planner reckons index scans as cheap as they are. It allocates nothing.`,
    }),
  },
  {
    // pgvector's README, "Index Build Time": a build is fast while its graph fits maintenance_work_mem.
    name: 'maintenance_work_mem',
    scope: 'instance',
    change: 'set',
    advise: ({ budget, largestGraphBytes }) => ({
      bytes: budget.maintenanceWorkMem,
      reason:
        largestGraphBytes <= budget.maintenanceWorkMem
          ? `Holds the largest HNSW graph (${sizeInWords(largestGraphBytes)}) when an index is built anew.`
          : `The largest HNSW graph takes ${sizeInWords(largestGraphBytes)} to build; this is as much as one build may have with all connections busy. A larger instance builds it faster.`,
    }),
  },
  {
    // Docs, 20.4: maintenance_work_mem counts once for each autovacuum worker unless this is set.
    name: 'autovacuum_work_mem',
    scope: 'instance',
    change: 'set',
    advise: ({ budget, number }) => {
      const followsMaintenance = number('autovacuum_work_mem', -1) < 0;
      if (followsMaintenance && budget.maintenanceWorkMem <= budget.autovacuumWorkMem) return null;
      return {
        bytes: budget.autovacuumWorkMem,
        reason: `Each of ${number('autovacuum_max_workers', 3)} autovacuum workers may take this much, so it is kept apart from maintenance_work_mem.`,
      };
    },
  },
  {
    name: 'work_mem',
    scope: 'instance',
    change: 'set',
    advise: ({ budget, number }) => ({
      bytes: budget.workMem,
      reason: `What is left for each of ${number('max_connections', 100)} connections when all are busy, at most 16 MiB. It also bounds an iterative scan; fewer connections leave more for each.`,
    }),
  },
  {
    // A checkpoint begins when WAL passes max_wal_size / (1 + checkpoint_completion_target) (docs, 28.5 "WAL
    // Configuration"; xlog.c, CalculateCheckpointSegments). RDS disks begin at 20 GiB: a fifth of that at most.
    name: 'max_wal_size',
    scope: 'instance',
    change: 'raise',
    advise: ({ workload, number }) => {
      const written = workload.reduce((sum, item) => sum + item.dataBytes + graphOf(item), 0);
      const bytes = Math.min(4 * GIB, written * (1 + number('checkpoint_completion_target', 0.9)));
      return {
        bytes: Math.ceil(bytes / (64 * MIB)) * 64 * MIB,
        reason: `Loading or indexing ${sizeInWords(written)} again forces fewer checkpoints; takes up to that much disk.`,
      };
    },
  },
  {
    // Docs, 28.5: each checkpoint makes later changes write whole pages to WAL; recovery after a crash takes longer.
    name: 'checkpoint_timeout',
    scope: 'instance',
    change: 'raise',
    advise: () => ({
      number: 900,
      reason:
        'Fewer checkpoints write fewer whole pages to WAL; recovery after a crash may take some minutes more.',
    }),
  },
  {
    // Docs, 20.5: 0.9 is the default from version 14 on, and lowering it is not advised.
    name: 'checkpoint_completion_target',
    scope: 'instance',
    change: 'raise',
    advise: () => ({ number: 0.9, reason: 'Spreads a checkpoint’s writes over nearly all of its interval.' }),
  },
  {
    // pgvector's README, "Index Build Time". max_parallel_workers_per_gather is left alone: an approximate index is
    // scanned by one process, and its workers would count in work_mem's budget.
    name: 'max_parallel_maintenance_workers',
    scope: 'instance',
    change: 'raise',
    advise: ({ vcpus, memoryBytes, number }) => {
      // r classes have 8 GiB for each vCPU, the most of the usual classes; none has fewer than 2.
      const cores = vcpus ?? Math.max(2, Math.floor(memoryBytes / (8 * GIB)));
      const most = Math.min(number('max_parallel_workers', 8), number('max_worker_processes', 8));
      return {
        number: Math.min(Math.floor(cores / 2), most),
        reason: `Half of ${vcpus === null ? 'at least ' : ''}${cores} vCPUs may build an index together; the others go on answering.`,
      };
    },
  },
  {
    // Docs, 20.7: "storage that has a low random read cost relative to sequential, e.g., solid-state drives".
    name: 'random_page_cost',
    scope: 'instance',
    change: 'lower',
    advise: () => ({
      number: 1.1,
      reason:
        'On solid-state disks (all current RDS storage) a random read costs little more than the next page.',
    }),
  },
  {
    // pgvector's README, "HNSW: Query Options": 40 by default, where Chroma's default is 100.
    name: 'hnsw.ef_search',
    scope: 'database',
    change: 'raise',
    advise: ({ workload }) => {
      const searched = workload.filter((item) => item.indexMethod === 'hnsw' && item.dimensions !== null);
      if (searched.length === 0) return null;
      const most = searched.reduce((largest, { efSearch }) => Math.max(largest, efSearch), 1);
      return {
        number: Math.min(1000, most),
        reason: 'The most candidates that a migrated collection needs for the recall that it had in Chroma.',
      };
    },
  },
  {
    // pgvector's README, "Iterative Index Scans", from 0.8.0 on; an older library does not have the setting. Of the two
    // ways `relaxed_order` finds more, but its rows may be out of order, which an application that says ORDER BY does
    // not expect. `strict_order` breaks no query, so only it can be a database's default.
    name: 'hnsw.iterative_scan',
    scope: 'database',
    change: 'set',
    advise: ({ workload, current }) => {
      const searched = workload.some((item) => item.indexMethod === 'hnsw' && item.dimensions !== null);
      if (!searched || current.get('hnsw.iterative_scan')?.setting !== 'off') return null;
      return {
        word: 'strict_order',
        reason:
          'A search with a filter goes on until it has as many rows as it asked for, as Chroma’s does, in the order of distance.',
      };
    },
  },
  {
    // pgvector's README, "IVFFlat: Query Options": √lists is a good place to start; the default is 1.
    name: 'ivfflat.probes',
    scope: 'database',
    change: 'raise',
    advise: ({ workload }) => {
      const lists = workload
        .filter((item) => item.indexMethod === 'ivfflat' && item.dimensions !== null)
        .map(({ rows }) => ivfflatLists(rows));
      if (lists.length === 0) return null;
      const most = lists.reduce((a, b) => Math.max(a, b));
      return {
        number: Math.ceil(Math.sqrt(most)),
        reason: `The square root of the ${most} lists of the largest ivfflat index; one list alone finds too little.`,
      };
    },
  },
];

/**
 * What to set, to which value and why, in pg_settings' units. Settings that are right already are left out.
 * Pure: the same facts give the same advice, and `applied` is false throughout.
 */
export function recommendSettings(input: TuningInput): ParameterReport[] {
  const facts = factsOf(input);
  return RULES.flatMap((rule): ParameterReport[] => {
    const current = input.current.get(rule.name);
    const advice = current && rule.advise(facts);
    if (!current || !advice) return [];
    const newValue =
      'bytes' in advice
        ? bytesInUnit(advice.bytes, current)
        : 'number' in advice
          ? String(advice.number)
          : advice.word;
    if (!worthwhile(rule, current, newValue, input.memoryIsLowerBound)) return [];
    return [
      {
        name: rule.name,
        scope: rule.scope,
        oldValue: current.setting,
        newValue,
        unit: current.unit,
        reason: 'bytes' in advice ? `${advice.reason}${reckonedWith(input)}` : advice.reason,
        needsReboot: current.context === 'postmaster',
        applied: false,
      },
    ];
  });
}

const reckonedWith = ({ memoryBytes, memoryIsLowerBound }: TuningInput): string =>
  memoryIsLowerBound
    ? ` Reckoned with ${sizeInWords(memoryBytes)}, four times shared_buffers, as RDS sets that to a quarter of memory; the machine may have more.`
    : '';

function worthwhile(
  { change }: Rule,
  { setting }: CurrentSetting,
  newValue: string,
  onlyLowerBound: boolean,
): boolean {
  const [from, to] = [Number(setting), Number(newValue)];
  if (Number.isNaN(to)) return setting !== newValue;
  if (change === 'raise') return to > from;
  if (change === 'lower') return to < from;
  if (onlyLowerBound && to < from) return false;
  // Never leave a value above its budget standing: the tolerance is for raising alone.
  return to < from || to > from * 1.05;
}

function factsOf(input: TuningInput): Facts {
  const number = (name: string, absent: number) => Number(input.current.get(name)?.setting ?? absent);
  const bytes = (name: string) => {
    const setting = input.current.get(name);
    return setting ? settingBytes(setting) : 0;
  };
  const largestGraphBytes = input.workload.reduce((most, item) => Math.max(most, graphOf(item)), 0);
  const maintenanceWorkMem = bytes('maintenance_work_mem');
  const budget = memoryBudget({
    memoryBytes: input.memoryBytes,
    maxConnections: number('max_connections', 100),
    parallelWorkers: number('max_parallel_workers', 8),
    autovacuumWorkers: number('autovacuum_max_workers', 3),
    hashMemMultiplier: number('hash_mem_multiplier', 1),
    largestGraphBytes,
    current: {
      sharedBuffers: bytes('shared_buffers'),
      maintenanceWorkMem,
      // -1: each worker takes maintenance_work_mem.
      autovacuumWorkMem:
        number('autovacuum_work_mem', -1) < 0 ? maintenanceWorkMem : bytes('autovacuum_work_mem'),
      workMem: bytes('work_mem'),
    },
  });
  return { ...input, budget, largestGraphBytes, number };
}
