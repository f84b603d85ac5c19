import { mulberry32 } from '../fixtures/clustered-vectors.ts';

/** Draws that the same seed makes again. */
export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = mulberry32(seed);
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.#next() * (most - least + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.between(0, choices.length - 1)] as T;
  }

  chance(share: number): boolean {
    return this.#next() < share;
  }
}

/** Another seed for each number, far from those of its neighbours. */
export const seedOf = (seed: number, number: number): number =>
  Math.imul(seed ^ Math.imul(number + 1, 0x9e3779b1), 0x85ebca6b) >>> 0;
