/** A span of work: milliseconds since 1970 and the records that it handled. */
export interface Interval {
  from: number;
  to: number;
  records: number;
}

/**
 * Maps times to seconds of a plot's axis. Hours in which nothing ran (a run that failed and went on the next
 * day) are cut out, for they would squeeze the work into a line; each cut is kept to be marked.
 */
export interface TimeAxis {
  /** Length in seconds; at least a hundredth, so that it can be divided by. */
  readonly seconds: number;
  /** Where something was cut out: position on the axis and length of the cut, both in seconds. */
  readonly cuts: readonly { at: number; seconds: number }[];
  at(time: number): number;
}

/** Shorter idle time stays: a minute's wait between two phases belongs to the picture. */
const SHORTEST_CUT_SECONDS = 60;

export function timeAxis(intervals: readonly Interval[]): TimeAxis {
  const pieces = busyPieces(intervals);
  const cuts: { at: number; seconds: number }[] = [];
  const starts: number[] = [];
  let length = 0;
  pieces.forEach((piece, index) => {
    const previous = pieces[index - 1];
    if (previous) cuts.push({ at: length, seconds: (piece.from - previous.to) / 1000 });
    starts.push(length);
    length += (piece.to - piece.from) / 1000;
  });
  return {
    seconds: Math.max(length, 0.01),
    cuts,
    at(time) {
      const index = lastStartingBefore(pieces, time);
      const piece = pieces[index];
      if (!piece) return 0;
      const inside = Math.min(Math.max(time, piece.from), piece.to) - piece.from;
      return starts[index]! + inside / 1000;
    },
  };
}

function busyPieces(intervals: readonly Interval[]): { from: number; to: number }[] {
  const sorted = [...intervals].sort((a, b) => a.from - b.from);
  const busySeconds = sorted.length === 0 ? 0 : unionSeconds(sorted);
  const longestIdle = Math.max(SHORTEST_CUT_SECONDS, busySeconds / 5) * 1000;
  const pieces: { from: number; to: number }[] = [];
  for (const { from, to } of sorted) {
    const last = pieces.at(-1);
    if (last && from - last.to <= longestIdle) last.to = Math.max(last.to, to);
    else pieces.push({ from, to });
  }
  return pieces;
}

function unionSeconds(sorted: readonly Interval[]): number {
  let busy = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const { from, to } of sorted) {
    busy += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return busy / 1000;
}

/** Binary search: 10,000 shards ask four times each. */
function lastStartingBefore(pieces: readonly { from: number }[], time: number): number {
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (pieces[middle]!.from <= time) low = middle;
    else high = middle - 1;
  }
  return low;
}
