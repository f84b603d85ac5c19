import { createHash } from 'node:crypto';
import { ALL_PARTS, type Include } from '../chroma/chroma-source.ts';
import { AnswerFailed, AnswerTooLarge } from '../chroma/http.ts';
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
  const fetch = (range: Range, parts: readonly Include[] = ALL_PARTS) => {
    const largest = range.limit > 1 ? { maxBytes: largestPageBytes } : {};
    return chroma.pageBytes(shard, range, parts, { allocate: memory.take, ...largest });
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

type Fetch = (range: Range, parts?: readonly Include[]) => Promise<Buffer>;

/**
 * The answer, or those to halves of its range, one after the other, where it is too large, or where the server fails at
 * one of its records and with it at the whole page (chroma-core/chroma#2912). That record comes without its embedding
 * and is rejected.
 */
async function* inPieces(range: Range, answer: Promise<Buffer>, fetch: Fetch): AsyncGenerator<Buffer> {
  const { offset, limit } = range;
  const bytes = await answer.catch(async (error) => {
    if (error instanceof AnswerTooLarge && limit > 1) return null;
    if (!(error instanceof AnswerFailed)) throw error;
    if (limit === 1) return fetchWithoutEmbedding(range, fetch);
    // A server that has trouble with all that it is asked is not asked a thousand times more.
    await fetch(range, []);
    return null;
  });
  if (bytes) return yield bytes;
  const half = Math.ceil(limit / 2);
  for (const piece of [
    { offset, limit: half },
    { offset: offset + half, limit: limit - half },
  ])
    yield* inPieces(piece, fetch(piece), fetch);
}

/** One record of which the server could not tell all. Once it tells the rest it is asked for all again: it may have had a bad moment. */
async function fetchWithoutEmbedding(range: Range, fetch: Fetch): Promise<Buffer> {
  const ifItFails = (otherwise: () => Promise<Buffer>) => (error: unknown) => {
    if (!(error instanceof AnswerFailed)) throw error;
    return otherwise();
  };
  const rest = await fetch(range, ['documents', 'metadatas', 'uris']).catch(
    ifItFails(() => fetch(range, [])),
  );
  return fetch(range).catch(ifItFails(async () => rest));
}

/** SHA-256 of an id's JSON text, as the plan keeps it for a shard's borders. */
export const idHash = (id: string | null): string =>
  createHash('sha256').update(JSON.stringify(id)).digest('hex');

/** Empty if the server sent none, which is rejected when the record is read. */
export const idAt = ({ ids, bytes }: Page, index: number): string =>
  ids.starts[index]! < 0
    ? ''
    : String(JSON.parse(bytes.toString('utf8', ids.starts[index], ids.ends[index])));
