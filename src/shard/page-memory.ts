/** Room for pages that are a little larger than the one that it was made for. */
const MARGIN = 1.1;

/**
 * Memory of pages that are done with, for those that come, in this shard or in the next: what is made anew for each of
 * them costs a sixth of an export.
 */
export class PageMemory {
  readonly #free: Buffer[] = [];
  #components = new Float32Array(0);

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

  /** Room for the components of one page at a time. */
  components(count: number): Float32Array {
    if (this.#components.length < count) this.#components = new Float32Array(count);
    return this.#components;
  }
}
