import type { SampledSearches } from '../contract.ts';
import type { ExactAnswer } from './exact-searches.ts';
import type { Verification } from './verification.ts';

/** A search's answer: record ids with Chroma's kind of distance, nearest first. */
export interface Answer {
  ids: string[];
  distances: number[];
}

export const answerOf = (rows: { source_id: string; distance: number }[]): Answer => ({
  ids: rows.map((row) => row.source_id),
  distances: rows.map((row) => Number(row.distance)),
});

/** Mean share of the exact nearest that the answers have; a tie with the last of them counts. */
export function meanRecall(answers: Answer[], exact: ExactAnswer[]): number | null {
  const shares = exact.flatMap((truth, query) => {
    const answer = answers[query];
    return answer && truth.ids.length > 0 ? [hits(answer, truth) / truth.ids.length] : [];
  });
  return shares.length === 0 ? null : shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** How many of the exact nearest were found in all, and in how many searches the very nearest. */
export function neighboursFound(
  answers: Answer[],
  exact: ExactAnswer[],
): Verification['searches']['neighbours'] {
  const sum = { successful: 0, found: 0, wanted: 0 };
  exact.forEach((truth, query) => {
    const answer = answers[query];
    if (!answer || truth.ids.length === 0) return;
    sum.found += hits(answer, truth);
    sum.wanted += truth.ids.length;
    const nearest = { ...truth, ids: truth.ids.slice(0, 1), distances: truth.distances.slice(0, 1) };
    if (hits(answer, nearest) > 0) sum.successful++;
  });
  return sum;
}

/** Of the exact nearest, as many as the answer has; one as near as the last of them counts. */
function hits(answer: Answer, truth: ExactAnswer): number {
  const nearest = new Set(truth.ids);
  const last = truth.ids.length - 1;
  const limit = truth.distances[last]! + truth.tolerance * truth.scales[last]!;
  const found = answer.ids.filter((id, at) => nearest.has(id) || (answer.distances[at] as number) <= limit);
  return Math.min(truth.ids.length, found.length);
}

/**
 * Relative to what the distances were summed up from: under l2 that is the distance, under cosine and ip at least the 1
 * that Chroma subtracts from. Distances that are no numbers (of zero vectors, or beyond float32) have none at all.
 */
export function largestDifference(
  chroma: Answer[],
  exact: ExactAnswer[],
  vectors: SampledSearches['vectors'],
): number | null {
  const differences = exact.flatMap((truth, query) => {
    const theirs = chroma[query];
    return truth.ids.map((id, at) => {
      // Somebody has changed the record since it was read.
      if (vectors && vectors[id] !== truth.vectors[at]) return Number.NaN;
      const distance = theirs?.distances[theirs.ids.indexOf(id)] ?? Number.NaN;
      const ours = truth.distances[at] as number;
      return Math.abs(distance - ours) / (truth.scales[at] as number);
    });
  });
  const comparable = differences.filter(Number.isFinite);
  return comparable.length === 0 ? null : Math.max(...comparable);
}
