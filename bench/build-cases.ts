import type { Shape } from './build-vectors.ts';

export interface BuildCase {
  /** `fit`: the constants come from it; `held`: they are held against it; the others show one thing each. */
  use: 'fit' | 'held' | 'shape' | 'workers' | 'spill';
  rows: number;
  dimension: number;
  m: number;
  efConstruction: number;
  type: 'vector' | 'halfvec';
  space: 'l2' | 'cosine' | 'ip';
  shape: Shape;
  /** Backends that help. */
  workers: number;
  /** Of the memory that the graph takes, what the build is given. */
  memoryShare: number;
}

const build = (
  use: BuildCase['use'],
  rows: number,
  dimension: number,
  m: number,
  efConstruction: number,
  more: Partial<BuildCase> = {},
): BuildCase => ({
  ...{ use, rows, dimension, m, efConstruction },
  ...{ type: 'vector', space: 'l2', shape: 'embeddings', workers: 0, memoryShare: 1.05 },
  ...more,
});

export const BUILD_CASES: readonly BuildCase[] = [
  build('shape', 10_000, 384, 16, 64, { shape: 'uniform' }),
  build('fit', 10_000, 64, 16, 64),
  build('fit', 10_000, 64, 8, 200),
  // How m and ef_construction act together.
  ...[8, 16, 32].flatMap((m) => [64, 128, 200].map((ef) => build('fit', 10_000, 384, m, ef))),
  build('fit', 10_000, 768, 8, 200),
  build('fit', 10_000, 1536, 16, 64),
  build('fit', 10_000, 1536, 32, 128),
  build('fit', 30_000, 64, 16, 100),
  build('fit', 30_000, 384, 16, 128),
  build('held', 20_000, 384, 16, 100),
  build('held', 50_000, 128, 16, 100),
  build('held', 10_000, 1024, 16, 100),
  build('held', 20_000, 64, 8, 200),
  build('held', 10_000, 256, 16, 150),
  build('fit', 30_000, 768, 16, 100),
  build('fit', 30_000, 1536, 16, 64),
  build('fit', 30_000, 768, 16, 100, { type: 'halfvec' }),
  build('held', 15_000, 1536, 16, 64, { type: 'halfvec' }),
  build('fit', 100_000, 64, 16, 128),
  build('fit', 100_000, 384, 16, 64),
  build('held', 60_000, 256, 12, 80),
  build('held', 20_000, 1536, 24, 150),
  build('fit', 300_000, 64, 16, 64),
  build('shape', 10_000, 1536, 16, 64, { shape: 'uniform' }),
  build('spill', 10_000, 384, 16, 64, { memoryShare: 0.6 }),
  build('spill', 30_000, 64, 16, 64, { memoryShare: 0.6 }),
  build('fit', 100_000, 768, 16, 100),
  build('held', 150_000, 64, 16, 100),
  build('held', 50_000, 1024, 16, 100),
  build('held', 100_000, 1536, 16, 64),
  build('shape', 100_000, 64, 16, 64, { shape: 'uniform' }),
  build('held', 300_000, 128, 16, 100),
  build('fit', 30_000, 384, 16, 128, { space: 'cosine' }),
  build('fit', 10_000, 1536, 16, 64, { space: 'cosine' }),
  build('fit', 30_000, 64, 16, 100, { space: 'cosine' }),
  build('held', 20_000, 768, 16, 100, { space: 'cosine' }),
  build('shape', 40_000, 256, 16, 64, { space: 'ip' }),
  build('held', 40_000, 512, 20, 120),
  build('workers', 30_000, 384, 16, 128, { workers: 1 }),
  build('workers', 100_000, 64, 16, 128, { workers: 1 }),
];
