import { milliseconds1970 } from './html-numbers.ts';
import type { RunReport, ShardReport } from './report.ts';
import type { Interval, TimeAxis } from './time-axis.ts';

/** What the shards' times say of an export or an import; shards without both times are left out. */
export function shardIntervals(shards: readonly ShardReport[]): { export: Interval[]; import: Interval[] } {
  const interval = (from: string | null, to: string | null, records: number): Interval[] => {
    const [start, end] = [milliseconds1970(from), milliseconds1970(to)];
    return start === null || end === null ? [] : [{ from: start, to: Math.max(start, end), records }];
  };
  return {
    export: shards.flatMap((shard) => interval(shard.exportStartedAt, shard.exportedAt, shard.records)),
    import: shards.flatMap((shard) => interval(shard.importStartedAt, shard.importedAt, shard.loaded)),
  };
}

/**
 * Sums over equal slices of the axis: each interval spreads `amount` evenly over the slices that it covers.
 * Divided by a slice's seconds it is a rate.
 */
export function spread(
  intervals: readonly Interval[],
  axis: TimeAxis,
  slices: number,
  amount: (interval: Interval, seconds: number) => number,
): number[] {
  const sums = new Array<number>(slices).fill(0);
  const width = axis.seconds / slices;
  for (const interval of intervals) {
    const from = axis.at(interval.from);
    const to = axis.at(interval.to);
    const first = Math.min(slices - 1, Math.floor(from / width));
    const last = Math.min(slices - 1, Math.max(first, Math.ceil(to / width) - 1));
    const total = amount(interval, to - from);
    for (let slice = first; slice <= last; slice += 1) {
      const covered = Math.min(to, (slice + 1) * width) - Math.max(from, slice * width);
      sums[slice]! += to > from ? (total * covered) / (to - from) : total / (last - first + 1);
    }
  }
  return sums;
}

/** Records a second in each slice of the axis. */
export const ratesOf = (intervals: readonly Interval[], axis: TimeAxis, slices: number): number[] =>
  spread(intervals, axis, slices, ({ records }) => records).map((sum) => sum / (axis.seconds / slices));

/** Mean number of intervals under way in each slice of the axis. */
export const underWay = (intervals: readonly Interval[], axis: TimeAxis, slices: number): number[] =>
  spread(intervals, axis, slices, (_, seconds) => seconds).map((sum) => sum / (axis.seconds / slices));

/** The value below which `share` of the values lie (nearest rank); null if there is none. */
export function percentile(ascending: readonly number[], share: number): number | null {
  return ascending[Math.max(0, Math.ceil(share * ascending.length) - 1)] ?? null;
}

/** A typed array sorts without a comparison function: a million latencies in a tenth of the time. */
export const ascending = (values: readonly number[]): number[] =>
  Array.from(Float64Array.from(values.filter((value) => Number.isFinite(value))).sort());

/** Milliseconds of searches, in order of size. */
export interface Latencies {
  postgres: number[];
  chroma: number[];
}

/** All sampled searches of the run. */
export function latencies(report: RunReport): Latencies {
  const searches = report.collections.flatMap(({ verification }) => verification?.searches ?? []);
  return {
    postgres: ascending(searches.flatMap((search) => search.latencyMilliseconds)),
    chroma: ascending(searches.flatMap((search) => search.chromaLatencyMilliseconds)),
  };
}

export interface Histogram {
  /** Borders in milliseconds, one more than there are bins. */
  borders: number[];
  /** Share of the searches in each bin, 0 to 1. */
  postgres: number[];
  chroma: number[];
}

/** Bins to a decade: neighbours differ by 33 percent, finer than searches repeat. */
const BINS_A_DECADE = 8;
/** No clock that is read twice over a socket tells less than a microsecond apart. */
const SHORTEST = 0.001;

/**
 * Latencies in bins of equal ratio: Postgres answers in a millisecond where Chroma over HTTP takes twenty, and
 * equal widths would put one of them into a single bar.
 */
export function latencyHistogram(values: Latencies): Histogram {
  const { postgres, chroma } = values;
  const bin = (value: number) => Math.floor(Math.log10(Math.max(value, SHORTEST)) * BINS_A_DECADE);
  const first = bin(Math.min(postgres[0] ?? 1, chroma[0] ?? postgres[0] ?? 1));
  const last = bin(Math.max(postgres.at(-1) ?? 1, chroma.at(-1) ?? 0));
  const bins = last - first + 1;
  const share = (latency: number[]) => {
    const counts = new Array<number>(bins).fill(0);
    for (const value of latency) counts[bin(value) - first]! += 1;
    return counts.map((searches) => searches / Math.max(1, latency.length));
  };
  return {
    borders: Array.from({ length: bins + 1 }, (_, border) => 10 ** ((first + border) / BINS_A_DECADE)),
    postgres: share(values.postgres),
    chroma: share(values.chroma),
  };
}
