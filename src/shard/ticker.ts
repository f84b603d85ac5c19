/** Calls `tell` at most once a second, however often it ticks. */
export class Ticker {
  readonly #tell: () => void;
  #last = performance.now();

  constructor(tell: () => void) {
    this.#tell = tell;
  }

  tick(): void {
    const now = performance.now();
    if (now - this.#last < 1000) return;
    this.#last = now;
    this.#tell();
  }
}
