import { cpus } from 'node:os';

/** Begins to watch the machine's processors. @returns what says which share of them was busy since, 0 to 1 */
export function watchProcessors(): () => number {
  const before = times();
  return () => {
    const after = times();
    return (after.busy - before.busy) / Math.max(1, after.all - before.all);
  };
}

function times(): { busy: number; all: number } {
  const sums = { busy: 0, all: 0 };
  for (const { times } of cpus()) {
    const all = Object.values(times).reduce((sum, time) => sum + time, 0);
    sums.all += all;
    sums.busy += all - times.idle;
  }
  return sums;
}
