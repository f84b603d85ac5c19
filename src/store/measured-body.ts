import type { StoredObject } from '../contract.ts';
import { Crc32 } from './crc32.ts';

/** A body's pieces unchanged, and what they add up to. Is gone through once. */
export class MeasuredBody implements AsyncIterable<Buffer> {
  readonly #body: AsyncIterable<Buffer>;
  readonly #checksum = new Crc32();
  #bytes = 0;
  #broken: unknown = null;

  constructor(body: AsyncIterable<Buffer>) {
    this.#body = body;
  }

  /** With what the body itself broke off; null if it did not. */
  get broken(): unknown {
    return this.#broken;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for await (const piece of this.#body) {
        this.#checksum.update(piece);
        this.#bytes += piece.length;
        yield piece;
      }
    } catch (error) {
      this.#broken = error;
      throw error;
    }
  }

  /** To be asked once it has come to its end. */
  stored(key: string): StoredObject {
    return { key, bytes: this.#bytes, crc32: this.#checksum.hex() };
  }
}
