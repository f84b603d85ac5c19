import { createHash } from 'node:crypto';
import { ALL_PARTS, type ChromaSource } from '../chroma/chroma-source.ts';
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

/** Pages in Chroma's order. A page and what points into it are valid until the next is asked for. */
export async function* pagesInOrder(chroma: ChromaSource, shard: ShardItem): AsyncGenerator<Page> {
  const memory = new PageMemory();
  const end = shard.offset + shard.records;
  const ahead: Promise<Buffer>[] = [];
  let readers = 0;
  let next = shard.offset;
  const ask = () => {
    while (readers < READERS && ahead.length < PAGES_AHEAD && next < end) {
      const range = { offset: next, limit: Math.min(shard.pageSize, end - next) };
      next += range.limit;
      readers++;
      const page = chroma.pageBytes(shard, range, ALL_PARTS, memory.take).finally(() => {
        readers--;
        ask();
      });
      // A page that fails while an earlier one is awaited must not end the process.
      page.catch(() => undefined);
      ahead.push(page);
    }
  };
  try {
    for (;;) {
      ask();
      const answer = ahead.shift();
      if (!answer) return;
      const bytes = await answer;
      yield scanPage(bytes, memory.components(shard.pageSize * shard.dimension));
      memory.giveBack(bytes);
    }
  } finally {
    // Who stops early wants no further pages.
    next = end;
  }
}

/** SHA-256 of an id's JSON text, as the plan keeps it for a shard's borders. */
export const idHash = (id: string | null): string =>
  createHash('sha256').update(JSON.stringify(id)).digest('hex');

export const idAt = (page: Page, index: number): string =>
  JSON.parse(page.bytes.toString('utf8', page.ids.starts[index], page.ids.ends[index])) as string;
