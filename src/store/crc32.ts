import { crc32 } from 'node:zlib';

/** CRC-32 of bytes that come piece by piece. */
export class Crc32 {
  #value = 0;

  update(piece: Buffer): void {
    this.#value = crc32(piece, this.#value);
  }

  /** Eight hexadecimal digits. */
  hex(): string {
    return this.#value.toString(16).padStart(8, '0');
  }
}
