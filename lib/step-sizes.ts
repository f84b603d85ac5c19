import type { StepName } from './step-names.ts';

/** What a function of the state machine needed in a whole run, and how much more its largest call may be. */
interface Measured {
  /** Most memory of its process. */
  readonly peakMb: number;
  /** Its longest call, with the start of its environment. */
  readonly seconds: number;
  /** How many times as much the largest call that is planned for has to do. */
  readonly times: number;
  /** What grows. */
  readonly grows: string;
}

const NOTHING = { times: 1, grows: 'no larger' };
/** Shards of 1 GiB, the largest that may be asked for, where those of 64 MiB were measured. */
const SHARD = { times: 16, grows: 'the shard, to 1 GiB' };
/** Ten thousand where 201 were measured. */
const ESTATE = { times: 50, grows: 'the number of collections, to 10,000' };
/** Up to where a function's 15 minutes end: docs/scale.md. */
const COLLECTION = { times: 1000, grows: 'the collection, to 50 million records' };

/**
 * Of bench/function-sizes.ts: 50,000 records of 384 dimensions in one collection and 200 collections of ten, native
 * PostgreSQL, 2026-11-25, two cores of x86-64 under a load of 12 to 20: a bad day, as a time-out should know.
 */
export const MEASURED: Readonly<Record<StepName, Measured>> = {
  plan: { peakMb: 143, seconds: 2.54, ...ESTATE },
  'prepare-database': { peakMb: 88, seconds: 1.26, ...ESTATE },
  'choose-import-profile': { peakMb: 90, seconds: 0.4, ...NOTHING },
  'export-shard': { peakMb: 179, seconds: 13.84, ...SHARD },
  'import-shard': { peakMb: 85, seconds: 3.93, ...SHARD },
  'find-unfinished-shards': { peakMb: 82, seconds: 0.5, ...ESTATE },
  'start-index-build': { peakMb: 100, seconds: 11.23, ...NOTHING },
  'check-index-build': { peakMb: 79, seconds: 1.32, ...NOTHING },
  'sample-searches': { peakMb: 138, seconds: 10.44, ...COLLECTION },
  'verify-collection': { peakMb: 114, seconds: 10.42, ...COLLECTION },
  publish: { peakMb: 85, seconds: 2.75, ...ESTATE },
  'recommend-parameters': { peakMb: 88, seconds: 0.32, ...NOTHING },
  'write-report': { peakMb: 120, seconds: 0.6, ...ESTATE },
};

/** A function with 512 MB has a third of a processor, and the server may be slower than that of the measurement. */
export const TIME_FACTOR = 20;
/** The next of these that is enough, or the last: 15 minutes are the most that Lambda gives. */
export const MINUTES = [2, 5, 15] as const;

/** A third of a processor (all of one is 1,769 MB), and three times what any of them needed. */
export const USUAL_MEMORY_MB = 512;
/** Holds the plan of a large estate: profiles of 10,000 collections and the list of all shards. */
export const PLAN_MEMORY_MB = 1024;
/** Holds what became of each collection of a large estate: of 10,000 it takes 416 MB (bench/report-memory.ts). */
export const REPORT_MEMORY_MB = 1024;

/** Time-out of a step's function, from what it took. */
export function timeoutMinutes(step: StepName): number {
  const { seconds, times } = MEASURED[step];
  const wanted = (seconds * TIME_FACTOR * times) / 60;
  return MINUTES.find((minutes) => minutes >= wanted) ?? MINUTES[MINUTES.length - 1]!;
}

/** @param shardMemoryMb of the configuration, for those that move shards */
export function memoryMb(step: StepName, shardMemoryMb: number): number {
  if (step === 'plan') return PLAN_MEMORY_MB;
  if (step === 'write-report') return REPORT_MEMORY_MB;
  return step === 'export-shard' || step === 'import-shard' ? shardMemoryMb : USUAL_MEMORY_MB;
}
