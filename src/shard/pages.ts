import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { ALL_PARTS, type Include } from '../chroma/chroma-source.ts';
import { AnswerFailed, AnswerTooLarge, type Room, TooManyAsked } from '../chroma/http.ts';
import type { RecordSource } from '../chroma/record-source.ts';
import { type Page, scanPage } from '../chroma/scan-page.ts';
import type { ShardItem } from '../contract.ts';
import { PageMemory } from './page-memory.ts';
import type { Ids, ShardIds } from './shard-ids.ts';

/**
 * Pages that are asked for at the same time. With one the server waits for each answer's way and the next question's;
 * four had the whole of its answer rate (docs/decisions.md).
 */
export const READERS = 4;

/**
 * Pages that are on their way or wait for their turn: the next is asked for when one comes, not when it is read. Each is
 * 4 MB of memory, and a second row of them gained nothing (docs/decisions.md).
 */
const PAGES_AHEAD = READERS + 1;

/**
 * Pages are cut for 4 MB by what a few records hold; where others hold so much more that an answer is longer than this,
 * it is asked for in halves. A single record may be as long as the server sends it.
 */
const LARGEST_PAGE_BYTES = 64 * 1024 * 1024;

/** Records of one shard that the server may fail to deliver; of more, it is the server that must be mended. */
const MOST_UNDELIVERABLE = 100;
/** A page has failed four times before it is asked for in pieces. */
const TRIES_OF_A_PIECE = 2;

interface Range {
  offset: number;
  limit: number;
}

interface Answer {
  bytes: Buffer;
  /** Why its one record did not come whole. */
  fault: string | null;
}

export interface PageOptions {
  largestPageBytes?: number;
  /** Asked for by these, from the shard's offset among them, and not by their offsets: what is gone is not in the page. */
  ids?: ShardIds;
  /** That of pages which are done with. */
  memory?: PageMemory;
}

/** Pages in Chroma's order. A page and what points into it are valid until the next is asked for. */
export async function* pagesInOrder(
  chroma: RecordSource,
  shard: ShardItem,
  options: PageOptions = {},
): AsyncGenerator<Page> {
  const memory = options.memory ?? new PageMemory();
  const reader = new PageReader(chroma, shard, memory, options);
  const end = shard.offset + shard.records;
  const ahead: { range: Range; answer: Promise<Buffer> }[] = [];
  let asked = 0;
  let next = shard.offset;
  const ask = () => {
    while (asked < reader.readers && ahead.length < PAGES_AHEAD && next < end) {
      const range = { offset: next, limit: Math.min(reader.pageSize, end - next) };
      next += range.limit;
      asked++;
      const answer = reader.fetch(range).finally(() => {
        asked--;
        ask();
      });
      // A page that fails while an earlier one is awaited must not end the process.
      answer.catch(() => undefined);
      ahead.push({ range, answer });
    }
  };
  try {
    for (;;) {
      ask();
      const first = ahead.shift();
      if (!first) return;
      for await (const { bytes, fault } of reader.inPieces(first.range, first.answer)) {
        await nextRequestSent();
        const page = scanPage(bytes, memory.room(shard.pageSize * shard.dimension));
        page.fault = fault;
        yield page;
        memory.giveBack(bytes);
      }
    }
  } finally {
    // Who stops early wants no further pages.
    next = end;
  }
}

/**
 * Lets the request for a further page leave before this one is scanned: the server answers it meanwhile, also where its
 * pages are asked for one at a time. undici has a turn of the event loop after the end of an answer, and looks for another
 * one whether the connection is still there.
 */
async function nextRequestSent(): Promise<void> {
  await eventLoopTurn();
  await eventLoopTurn();
}

/** Asks for the pages of one shard, and for fewer records or fewer pages at a time where the server wants it so. */
class PageReader {
  pageSize: number;
  readers = READERS;
  readonly #chroma: RecordSource;
  readonly #shard: ShardItem;
  readonly #memory: PageMemory;
  readonly #largestPageBytes: number;
  readonly #ids: ShardIds | undefined;
  #undeliverable = 0;

  constructor(chroma: RecordSource, shard: ShardItem, memory: PageMemory, options: PageOptions) {
    this.#chroma = chroma;
    this.#shard = shard;
    this.#memory = memory;
    this.#largestPageBytes = options.largestPageBytes ?? LARGEST_PAGE_BYTES;
    this.#ids = options.ids;
    this.pageSize = shard.pageSize;
  }

  fetch(range: Range, include: readonly Include[] = ALL_PARTS, room: Room = {}): Promise<Buffer> {
    const largest = range.limit > 1 ? { maxBytes: this.#largestPageBytes } : {};
    const onThrottled = () => {
      this.readers = Math.max(1, this.readers - 1);
    };
    const which = this.#ids ? { ids: this.#ids.slice(range.offset, range.offset + range.limit) } : range;
    return this.#chroma.pageBytes(this.#shard, which, include, {
      ...{ allocate: this.#memory.take, onThrottled },
      ...largest,
      ...room,
    });
  }

  /**
   * The answer, or those to pieces of its range, one after the other, where it is too large or the server fails at it:
   * one record that it cannot deliver makes it fail at the whole page (chroma-core/chroma#2912).
   */
  async *inPieces(range: Range, answer: Promise<Buffer>): AsyncGenerator<Answer> {
    let pieceLimit = Math.ceil(range.limit / 2);
    const whole = await answer.catch(async (error): Promise<Answer | null> => {
      if (error instanceof TooManyAsked && error.limit < range.limit) {
        pieceLimit = error.limit;
        this.pageSize = Math.min(this.pageSize, error.limit);
        return null;
      }
      if (range.limit > 1 && error instanceof AnswerTooLarge) return null;
      if (!(error instanceof AnswerFailed)) throw error;
      if (range.limit === 1) return this.#withoutParts(range, error);
      // A server that has trouble with all that it is asked is not asked a thousand times more.
      await this.fetch(range, []);
      return null;
    });
    if (whole) return yield Buffer.isBuffer(whole) ? { bytes: whole, fault: null } : whole;
    for (let at = 0; at < range.limit; at += pieceLimit) {
      const piece = { offset: range.offset + at, limit: Math.min(pieceLimit, range.limit - at) };
      yield* this.inPieces(piece, this.fetch(piece, ALL_PARTS, { tries: TRIES_OF_A_PIECE }));
    }
  }

  /**
   * What the server can deliver of one record. Once it tells the rest it is asked for all again: it may have had a bad
   * moment. @throws AnswerFailed if it does not even tell the id: then it is down
   */
  async #withoutParts(range: Range, error: AnswerFailed): Promise<Answer> {
    if (++this.#undeliverable > MOST_UNDELIVERABLE) throw error;
    const asked = (include?: readonly Include[]) => this.fetch(range, include, { tries: TRIES_OF_A_PIECE });
    const ifItFails = (otherwise: () => Promise<Buffer>) => (failed: unknown) => {
      if (!(failed instanceof AnswerFailed)) throw failed;
      return otherwise();
    };
    const rest = await asked(['documents', 'metadatas', 'uris']).catch(ifItFails(() => asked([])));
    const bytes = await asked().catch(ifItFails(async () => rest));
    const fault = bytes === rest ? `Chroma cannot deliver the record: ${error.message}` : null;
    return { bytes, fault };
  }
}

/** An id's JSON text as Chroma sent it. */
export const idText = ({ bytes, ids }: Page, index: number): Buffer =>
  ids.starts[index]! < 0 ? NO_ID : bytes.subarray(ids.starts[index], ids.ends[index]);
const NO_ID = Buffer.from('null');

/** The ids of a page from one of them on, which lie in its bytes. */
export class PageIds implements Ids {
  readonly #page: Page;
  readonly #from: number;

  constructor(page: Page, from = 0) {
    this.#page = page;
    this.#from = from;
  }

  get length(): number {
    return this.#page.length - this.#from;
  }

  *[Symbol.iterator](): Generator<Buffer> {
    for (let index = this.#from; index < this.#page.length; index++) yield idText(this.#page, index);
  }
}

/** Empty if the server sent none, which is rejected when the record is read. */
export const idAt = ({ ids, bytes }: Page, index: number): string =>
  ids.starts[index]! < 0
    ? ''
    : String(JSON.parse(bytes.toString('utf8', ids.starts[index], ids.ends[index])));
