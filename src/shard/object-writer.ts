import type { StoredObject } from '../contract.ts';
import type { ShardStore } from '../store/store.ts';

/**
 * An object of the store that is written piece by piece, as fast as the store takes it. It holds one piece: where two
 * memories take turns, each is free again when its turn comes.
 */
export class ObjectWriter {
  readonly #stored: Promise<StoredObject>;
  #gaveUp = false;
  /** The store asks for a piece; rejects when it gives up. */
  #asked = heard<void>();
  /** What it gets: null is the end. */
  #given = heard<Buffer | null>();

  constructor(store: ShardStore, key: string) {
    this.#stored = store.write(key, this.#pieces());
    // Seen by the next write or by finish; without a handler here the process would end first.
    this.#stored.catch((error) => {
      this.#gaveUp = true;
      this.#asked.reject(error);
    });
  }

  /** Resolves when the piece before is stored; this one's memory is the store's until then. @throws what the store says when it gives up */
  async write(bytes: Buffer): Promise<void> {
    if (bytes.length > 0) await this.#give(bytes);
  }

  async finish(): Promise<StoredObject> {
    await this.#give(null);
    return this.#stored;
  }

  /** Gives the object up: nothing of it appears. */
  async abort(reason: Error): Promise<void> {
    this.#given.reject(reason);
    await this.#stored.catch(() => undefined);
  }

  async #give(piece: Buffer | null): Promise<void> {
    await this.#asked.promise;
    // It may give up while it waits for a piece.
    if (this.#gaveUp) await this.#stored;
    this.#asked = heard();
    this.#given.resolve(piece);
  }

  async *#pieces(): AsyncGenerator<Buffer> {
    for (;;) {
      this.#asked.resolve();
      const piece = await this.#given.promise;
      if (piece === null) return;
      this.#given = heard();
      yield piece;
    }
  }
}

/** A promise to settle from outside; one that nobody awaits when it rejects does not end the process. */
function heard<T>(): PromiseWithResolvers<T> {
  const resolvers = Promise.withResolvers<T>();
  resolvers.promise.catch(() => undefined);
  return resolvers;
}
