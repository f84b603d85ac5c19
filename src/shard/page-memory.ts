import { PageRoom } from '../chroma/scan-page.ts';

/** Room for pages that are a little larger than the one that it was made for. */
const MARGIN = 1.1;

/**
 * Memory of pages that are done with, for those that come, in this shard or in the next: what is made anew for each of
 * them costs a sixth of an export.
 */
export class PageMemory {
  readonly #free: Buffer[] = [];
  readonly #room = new PageRoom();

  /** At least `bytes` bytes, with whatever was in them. */
  readonly take = (bytes: number): Buffer => {
    const fitting = this.#free.findIndex(({ length }) => length >= bytes);
    // What is too small for a page is given up for one that fits: there are as many as there are pages at a time.
    const [room] = this.#free.splice(Math.max(0, fitting), 1);
    return fitting >= 0 && room ? room : Buffer.allocUnsafeSlow(Math.ceil(bytes * MARGIN));
  };

  /** @param bytes what was taken, or its beginning; nobody may read it any more */
  giveBack(bytes: Buffer): void {
    this.#free.push(Buffer.from(bytes.buffer));
  }

  /** Room for one page at a time. @param components of its records together */
  room(components = 0): PageRoom {
    if (this.#room.components.length < components) this.#room.components = new Float32Array(components);
    return this.#room;
  }
}
