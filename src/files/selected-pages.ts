import { ALL_PARTS } from '../chroma/chroma-source.ts';
import type { RecordSource } from '../chroma/record-source.ts';
import { type Page, PageRoom, scanPage } from '../chroma/scan-page.ts';
import type { ShardItem } from '../contract.ts';
import { idAt } from '../shard/pages.ts';

/**
 * Ids that are asked for at a time: Chroma looks at the whole collection for each page of a condition (1.5 s of 300,000
 * records), and ten thousand ids are a megabyte.
 */
const IDS_AT_A_TIME = 10_000;

/** Pages of the records that a condition holds for, in Chroma's order, `limit` records at most. */
export async function* selectedPages(
  chroma: RecordSource,
  collection: ShardItem,
  { where, limit }: { where: unknown; limit: number },
): AsyncGenerator<Page> {
  for (let offset = 0; offset < limit; ) {
    const range = { offset, limit: Math.min(IDS_AT_A_TIME, limit - offset), where };
    const found = await chroma.page(collection, range, []);
    const ids = Array.from({ length: found.length }, (_, index) => idAt(found, index));
    for (let start = 0; start < ids.length; start += collection.pageSize) {
      const some = ids.slice(start, start + collection.pageSize);
      const bytes = await chroma.pageBytes(collection, { ids: some }, ALL_PARTS);
      yield scanPage(bytes, new PageRoom(some.length * collection.dimension));
    }
    offset += ids.length;
    if (ids.length < range.limit) return;
  }
}
