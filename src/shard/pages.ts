import { createHash } from 'node:crypto';
import { ALL_PARTS } from '../chroma/chroma-source.ts';
import { AnswerTooLarge } from '../chroma/http.ts';
import type { RecordSource } from '../chroma/record-source.ts';
import { type Page, scanPage } from '../chroma/scan-page.ts';
import type { ShardItem } from '../contract.ts';
import { PageMemory } from './page-memory.ts';

/**
 * Pages that are asked for at the same time. One reader leaves the server idle while its page is parsed;
 * four had the whole of its answer rate (docs/decisions.md).
 */
export const READERS = 4;

/** Pages that are on their way or wait for their turn: the next is asked for when one comes, not when it is read. */
const PAGES_AHEAD = 2 * READERS;

/**
 * Pages are cut for 4 MB by what a few records hold; where others hold so much more that an answer is longer than this,
 * it is asked for in halves. A single record may be as long as the server sends it.
 */
const LARGEST_PAGE_BYTES = 64 * 1024 * 1024;

interface Range {
  offset: number;
  limit: number;
}

/** Pages in Chroma's order. A page and what points into it are valid until the next is asked for. */
export async function* pagesInOrder(
  chroma: RecordSource,
  shard: ShardItem,
  largestPageBytes = LARGEST_PAGE_BYTES,
): AsyncGenerator<Page> {
  const memory = new PageMemory();
  const end = shard.offset + shard.records;
  const ahead: { range: Range; answer: Promise<Buffer> }[] = [];
  let readers = 0;
  let next = shard.offset;
  const fetch = (range: Range) => {
    const largest = range.limit > 1 ? { maxBytes: largestPageBytes } : {};
    return chroma.pageBytes(shard, range, ALL_PARTS, { allocate: memory.take, ...largest });
  };
  const ask = () => {
    while (readers < READERS && ahead.length < PAGES_AHEAD && next < end) {
      const range = { offset: next, limit: Math.min(shard.pageSize, end - next) };
      next += range.limit;
      readers++;
      const answer = fetch(range).finally(() => {
        readers--;
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
      for await (const bytes of inPieces(first.range, first.answer, fetch)) {
        yield scanPage(bytes, memory.components(shard.pageSize * shard.dimension));
        memory.giveBack(bytes);
      }
    }
  } finally {
    // Who stops early wants no further pages.
    next = end;
  }
}

/** The answer, or those to halves of its range, one after the other, where it is too large. */
async function* inPieces(
  range: Range,
  answer: Promise<Buffer>,
  fetch: (range: Range) => Promise<Buffer>,
): AsyncGenerator<Buffer> {
  const { offset, limit } = range;
  const bytes = await answer.catch((error) => {
    if (error instanceof AnswerTooLarge && limit > 1) return null;
    throw error;
  });
  if (bytes) return yield bytes;
  const half = Math.ceil(limit / 2);
  for (const piece of [
    { offset, limit: half },
    { offset: offset + half, limit: limit - half },
  ])
    yield* inPieces(piece, fetch(piece), fetch);
}

/** SHA-256 of an id's JSON text, as the plan keeps it for a shard's borders. */
export const idHash = (id: string | null): string =>
  createHash('sha256').update(JSON.stringify(id)).digest('hex');

export const idAt = (page: Page, index: number): string =>
  JSON.parse(page.bytes.toString('utf8', page.ids.starts[index], page.ids.ends[index])) as string;
