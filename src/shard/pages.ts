import { createHash } from 'node:crypto';
import { ALL_PARTS, type ChromaSource } from '../chroma/chroma-source.ts';
import type { Page } from '../chroma/scan-page.ts';
import type { ShardItem } from '../contract.ts';

/**
 * Pages that are asked for at the same time. One reader leaves the server idle while its page is parsed;
 * four had the whole of its answer rate (docs/decisions.md).
 */
export const READERS = 4;

/** Pages in Chroma's order, READERS of them on their way at a time. */
export async function* pagesInOrder(chroma: ChromaSource, shard: ShardItem): AsyncGenerator<Page> {
  const end = shard.offset + shard.records;
  const underWay: Promise<Page>[] = [];
  let next = shard.offset;
  const ask = () => {
    const limit = Math.min(shard.pageSize, end - next);
    const page = chroma.page(shard, { offset: next, limit }, ALL_PARTS, limit * shard.dimension);
    // A page that fails while an earlier one is awaited must not end the process.
    page.catch(() => undefined);
    underWay.push(page);
    next += limit;
  };
  for (;;) {
    while (underWay.length < READERS && next < end) ask();
    const page = underWay.shift();
    if (!page) return;
    yield await page;
  }
}

/** SHA-256 of an id's JSON text, as the plan keeps it for a shard's borders. */
export const idHash = (id: string | null): string =>
  createHash('sha256').update(JSON.stringify(id)).digest('hex');

export const idAt = (page: Page, index: number): string =>
  JSON.parse(page.bytes.toString('utf8', page.ids.starts[index], page.ids.ends[index])) as string;
