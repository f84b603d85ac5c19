import { CopyBuffer } from '../copy/copy-buffer.ts';
import { StoreRefused } from '../errors.ts';
import { textHash } from '../store/json.ts';
import { keys } from '../store/keys.ts';
import { ObjectMissing, type ShardStore } from '../store/store.ts';

const LINE_FEED = 0x0a;
const LINE_END = Buffer.of(LINE_FEED);

/** Ids, each in its JSON text. What is handed out of those that came from Chroma is valid until the next are asked for. */
export interface Ids extends Iterable<Buffer> {
  readonly length: number;
}

/**
 * The ids of a shard's records, each in the JSON text in which Chroma said it. They are what a shard is: offsets
 * shift when somebody deletes, ids do not.
 */
export class ShardIds implements Ids {
  /** A line an id. Chroma's JSON has no line feed but escaped. */
  readonly #lines: Buffer;
  readonly #ends: Uint32Array;

  constructor(lines: Buffer) {
    let count = 0;
    for (let at = lines.indexOf(LINE_FEED); at >= 0; at = lines.indexOf(LINE_FEED, at + 1)) count++;
    this.#lines = lines;
    this.#ends = new Uint32Array(count);
    for (let index = 0, at = -1; index < count; index++)
      this.#ends[index] = at = lines.indexOf(LINE_FEED, at + 1);
  }

  get length(): number {
    return this.#ends.length;
  }

  /** SHA-256 (hex) of the stored lines. */
  get hash(): string {
    return textHash(this.#lines);
  }

  /** JSON text of the id at this place. */
  at(index: number): Buffer {
    return this.#lines.subarray(index === 0 ? 0 : this.#ends[index - 1]! + 1, this.#ends[index]);
  }

  /** Those in front. */
  first(count: number): ShardIds {
    if (count >= this.length) return this;
    return new ShardIds(this.#lines.subarray(0, count === 0 ? 0 : this.#ends[count - 1]! + 1));
  }

  /** The ids themselves. */
  slice(from: number, to: number): string[] {
    return Array.from(
      { length: Math.min(to, this.length) - from },
      (_, index) => JSON.parse(this.at(from + index).toString('utf8')) as string,
    );
  }

  *[Symbol.iterator](): Generator<Buffer> {
    for (let index = 0; index < this.length; index++) yield this.at(index);
  }
}

/** Adds an id's JSON text to those that lie there. */
export function addLine(lines: CopyBuffer, id: Buffer): void {
  lines.raw(id);
  lines.raw(LINE_END);
}

/**
 * Gathers the ids of one shard after the other as the lines that are stored, all in the same memory: a Buffer for each of
 * a hundred thousand takes ten times what they say.
 */
export class ShardIdsWriter {
  readonly #lines: CopyBuffer;
  #length = 0;

  /** @param capacity bytes to make room for; more is made where they are not enough */
  constructor(capacity?: number) {
    this.#lines = new CopyBuffer(capacity);
  }

  /** Ids that are not stored yet. */
  get length(): number {
    return this.#length;
  }

  /** @param id its JSON text */
  add(id: Buffer): void {
    addLine(this.#lines, id);
    this.#length++;
  }

  /** Stores them as one shard's. @returns their SHA-256, by which a manifest is known to be of just these */
  async write(
    store: ShardStore,
    { run, schema, number }: { run: string; schema: string; number: number },
  ): Promise<string> {
    const lines = this.#lines.view();
    await store.writeText(keys.ids(run, schema, number), lines);
    const hash = textHash(lines);
    this.#lines.clear();
    this.#length = 0;
    return hash;
  }
}

/** Of all lists of a collection, in the order of its shards. */
export const hashOfLists = (hashes: readonly string[]): string => textHash(hashes.join());

/**
 * @param lines memory for them: what was read into it before is gone
 * @throws StoreRefused if the store has lost them, or they are not those that were listed
 */
export async function readShardIds(
  store: ShardStore,
  { run, schema, number, idsHash }: { run: string; schema: string; number: number; idsHash?: string },
  lines = new CopyBuffer(),
): Promise<ShardIds> {
  const key = keys.ids(run, schema, number);
  lines.clear();
  try {
    for await (const piece of await store.readPieces(key)) lines.raw(piece);
  } catch (error) {
    if (!(error instanceof ObjectMissing)) throw error;
    throw new StoreRefused(`The store ${store.url} has lost ${key}: start a new run.`);
  }
  const ids = new ShardIds(lines.view());
  if (idsHash !== undefined && ids.hash !== idsHash)
    throw new StoreRefused(`The store's ${store.urlOf(key)} is not what was written: start a new run.`);
  return ids;
}
