import type { BuildModel } from '../src/index-build/predict-build.ts';
import { buildTerms } from '../src/index-build/predict-build.ts';
import type { MeasuredBuild } from './measure-build.ts';

/**
 * The model's constants by least squares of the relative errors: the logarithm of a row's seconds is linear in all of
 * them but two, and those are tried in steps.
 */
export function fitModel(builds: readonly MeasuredBuild[]): BuildModel {
  let best: { model: BuildModel; error: number } | null = null;
  for (let overhead = 20; overhead <= 1000; overhead += 10)
    for (let halfvec = 0.3; halfvec <= 1.5; halfvec += 0.05) {
      const rows = builds.map((build) => {
        const width = overhead + build.dimension * (build.type === 'halfvec' ? halfvec : 1);
        const terms = buildTerms({ ...build, records: build.rows, hnsw: build });
        return { terms, value: Math.log((build.seconds / build.rows / width) * 1e9) };
      });
      const weights = leastSquares(rows);
      const error = rows.reduce((sum, row) => sum + (dot(weights, row.terms) - row.value) ** 2, 0);
      const model = { overhead, halfvec: Number(halfvec.toFixed(2)), weights: weights.map(rounded) };
      if (best === null || error < best.error) best = { model, error };
    }
  return best!.model;
}

const rounded = (value: number) => Number(value.toFixed(3));
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, one, at) => sum + one * b[at]!, 0);

/** Solves the normal equations by Gaussian elimination. */
function leastSquares(rows: readonly { terms: number[]; value: number }[]): number[] {
  const size = rows[0]!.terms.length;
  const matrix = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (_, j) =>
      rows.reduce((sum, { terms }) => sum + terms[i]! * terms[j]!, 0),
    ),
    rows.reduce((sum, { terms, value }) => sum + terms[i]! * value, 0),
  ]);
  for (let pivot = 0; pivot < size; pivot++)
    for (let row = 0; row < size; row++) {
      if (row === pivot) continue;
      const factor = matrix[row]![pivot]! / matrix[pivot]![pivot]!;
      for (let at = pivot; at <= size; at++) matrix[row]![at]! -= factor * matrix[pivot]![at]!;
    }
  return matrix.map((row, at) => row[size]! / row[at]!);
}
