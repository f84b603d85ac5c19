/** Wall seconds that at least one of the intervals covers: phases run side by side and must not count twice. */
export function coveredSeconds(intervals: readonly { from: string | null; to: string | null }[]): number {
  const closed = intervals
    .flatMap(({ from, to }) => (from && to ? [{ from: Date.parse(from), to: Date.parse(to) }] : []))
    .sort((a, b) => a.from - b.from);
  let covered = 0;
  let until = Number.NEGATIVE_INFINITY;
  for (const { from, to } of closed) {
    if (to <= until) continue;
    covered += to - Math.max(from, until);
    until = to;
  }
  return covered / 1000;
}
