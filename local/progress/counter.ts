/** Seconds over which a rate is taken: long enough to be calm, short enough to notice a stall. */
const WINDOW_SECONDS = 10;
/** Over less than this a rate says nothing. */
const LEAST_SECONDS = 0.5;

/**
 * Counts what is done in parts, such as the records of shards. A part that is tried again begins anew at nothing;
 * its count stands still until the new try has come further, so the sum never falls.
 */
export class Counter {
  readonly #parts = new Map<string, number>();
  readonly #samples: { at: number; worked: number }[] = [];
  #done = 0;
  /** Done before this run went on: it counts, but says nothing of the speed. */
  #found = 0;
  readonly #windowSeconds: number;

  constructor(windowSeconds = WINDOW_SECONDS) {
    this.#windowSeconds = windowSeconds;
  }

  get done(): number {
    return this.#done;
  }

  get begun(): boolean {
    return this.#parts.size > 0;
  }

  /** @param count of the part so far @param at milliseconds */
  set(part: string, count: number, at: number): void {
    this.#raise(part, count);
    this.#samples.push({ at, worked: this.#done - this.#found });
    this.rate(at);
  }

  /** A part that an earlier run has done. */
  find(part: string, count: number): void {
    this.#found += this.#raise(part, count);
  }

  /** Units a second over the last seconds; null before there is enough to tell. */
  rate(at: number): number | null {
    const begin = at - this.#windowSeconds * 1000;
    // The first sample that is kept says what was done when the window began.
    while (this.#samples.length > 1 && this.#samples[1]!.at <= begin) this.#samples.shift();
    const first = this.#samples[0];
    if (!first) return null;
    const seconds = (at - Math.max(first.at, begin)) / 1000;
    return seconds < LEAST_SECONDS ? null : (this.#done - this.#found - first.worked) / seconds;
  }

  /** Seconds until `total` is reached at the present rate; null while that cannot be told. */
  secondsLeft(total: number, at: number): number | null {
    const rate = this.rate(at);
    return rate && total > this.#done ? (total - this.#done) / rate : null;
  }

  #raise(part: string, count: number): number {
    const more = Math.max(0, count - (this.#parts.get(part) ?? 0));
    this.#parts.set(part, (this.#parts.get(part) ?? 0) + more);
    this.#done += more;
    return more;
  }
}
