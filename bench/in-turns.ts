/** Seconds of one run; preparing it and clearing up after it are not in them. */
export type Way = () => Promise<number>;

/** Runs that count of each way. */
const ROUNDS = 5;

/**
 * Runs the ways in turns (A B, A B, …), so that whatever else the machine does meets them alike. A first turn warms
 * code, connections and caches, and does not count; what takes minutes needs none.
 *
 * @returns each way's median in seconds
 */
export async function inTurns<Name extends string>(
  ways: Record<Name, Way>,
  rounds = ROUNDS,
  warmUps = 1,
): Promise<Record<Name, number>> {
  const names = Object.keys(ways) as Name[];
  const runs = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < warmUps + rounds; round++)
    for (const name of names) {
      const seconds = await ways[name]();
      if (round >= warmUps) runs.get(name)!.push(seconds);
    }
  return Object.fromEntries([...runs].map(([name, seconds]) => [name, median(seconds)])) as Record<
    Name,
    number
  >;
}

export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
