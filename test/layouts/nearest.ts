import type { OracleRecord } from '../fixtures/oracle.ts';

/** Ids of the nearest to a query by an exact scan of what Chroma holds, nearest first. */
export function nearestByCosine(
  records: Map<string, OracleRecord>,
  query: number[],
  count: number,
  isWanted: (id: string) => boolean = () => true,
): string[] {
  return [...records]
    .filter(([id]) => isWanted(id))
    .map(([id, { embedding }]) => ({ id, distance: cosineDistance(query, [...embedding]) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ id }) => id);
}

const dot = (a: number[], b: number[]) => a.reduce((sum, component, at) => sum + component * b[at]!, 0);
const cosineDistance = (a: number[], b: number[]) => 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
