import { PassThrough } from 'node:stream';
import type { StoredObject } from '../contract.ts';
import type { ShardStore } from '../store/store.ts';

/** About one page of 1,536 dimensions; what is beyond it makes the exporter wait for the store. */
const HIGH_WATER_BYTES = 4 * 1024 * 1024;

/** An object of the store that is written piece by piece, as fast as the store takes it. */
export class ObjectWriter {
  readonly #stream = new PassThrough({ highWaterMark: HIGH_WATER_BYTES });
  readonly #stored: Promise<StoredObject>;

  constructor(store: ShardStore, key: string) {
    this.#stored = store.write(key, this.#stream);
    // Seen by the next write or by finish; without a handler here the process would end first.
    this.#stored.catch(() => this.#stream.destroy());
    // An abort may come before the store has begun to listen, and an error that nobody hears ends the process.
    this.#stream.on('error', () => undefined);
  }

  /** Resolves when there is room for more. @throws what the store says when it gives up */
  async write(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    if (!this.#stream.destroyed && this.#stream.write(bytes)) return;
    if (!this.#stream.destroyed) await this.#room();
    // Only a store that gives up destroys the stream, and it tells why later than the stream is closed.
    if (this.#stream.destroyed) await this.#stored;
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        this.#stream.off('drain', settle).off('close', settle);
        resolve();
      };
      this.#stream.on('drain', settle).on('close', settle);
    });
  }

  async finish(): Promise<StoredObject> {
    this.#stream.end();
    return this.#stored;
  }

  /** Gives the object up: nothing of it appears. */
  async abort(reason: Error): Promise<void> {
    this.#stream.destroy(reason);
    await this.#stored.catch(() => undefined);
  }
}
