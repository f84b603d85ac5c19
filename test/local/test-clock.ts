import type { Clock } from '../../local/state-machine/clock.ts';

/**
 * A clock that jumps to the next timer as soon as nothing else is left to do, so that hours pass at once. Only
 * for work that needs no real input or output: that would be jumped over.
 */
export class TestClock implements Clock {
  /** Seconds of every sleep that was begun, in order. */
  readonly sleeps: number[] = [];
  #now = Date.UTC(2026, 0, 1);
  #timers: { due: number; wake: () => void }[] = [];
  #jumping = false;
  readonly #randoms: readonly number[];
  #drawn = 0;

  /** @param randoms what `random` gives, in turn */
  constructor(randoms: readonly number[] = [0.5]) {
    this.#randoms = randoms;
  }

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.#randoms[this.#drawn++ % this.#randoms.length]!;
  }

  sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    this.sleeps.push(milliseconds / 1000);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const remove = () => {
        this.#timers.splice(this.#timers.indexOf(timer), 1);
      };
      const stop = () => {
        remove();
        reject(signal.reason);
      };
      const wake = () => {
        remove();
        signal.removeEventListener('abort', stop);
        resolve();
      };
      const timer = { due: this.#now + milliseconds, wake };
      this.#timers.push(timer);
      signal.addEventListener('abort', stop, { once: true });
      this.#jumpSoon();
    });
  }

  /** All promises that can settle have settled when an immediate runs. */
  #jumpSoon(): void {
    if (this.#jumping) return;
    this.#jumping = true;
    setImmediate(() => {
      this.#jumping = false;
      const [first] = this.#timers.toSorted((a, b) => a.due - b.due);
      if (!first) return;
      this.#now = first.due;
      first.wake();
      if (this.#timers.length > 0) this.#jumpSoon();
    });
  }
}
