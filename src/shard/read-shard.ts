import type { RecordSource } from '../chroma/record-source.ts';
import type { Page } from '../chroma/scan-page.ts';
import type { ShardItem } from '../contract.ts';
import { SourceChanged } from '../errors.ts';
import type { PageMemory } from './page-memory.ts';
import { idText, pagesInOrder } from './pages.ts';
import type { ShardIds } from './shard-ids.ts';

/** Reads a shard's records, whatever is written to Chroma meanwhile: each of its ids once, or it is named as vanished. */
export class ShardReader {
  /** JSON texts of the ids that Chroma no longer held; whole once the last page was handed out. */
  readonly vanished: Buffer[] = [];
  readonly #chroma: RecordSource;
  readonly #shard: ShardItem;
  readonly #ids: ShardIds;
  readonly #memory: PageMemory | undefined;

  constructor(chroma: RecordSource, shard: ShardItem, ids: ShardIds, memory?: PageMemory) {
    this.#chroma = chroma;
    this.#shard = shard;
    this.#ids = ids;
    this.#memory = memory;
  }

  /**
   * Pages by offsets, as long as they hold the very ids that were listed. Where one does not, somebody has deleted, the
   * offsets have shifted, and what is left is asked for by its ids. A page is valid until the next is asked for.
   */
  async *pages(): AsyncGenerator<Page> {
    let at = 0;
    if (!this.#shard.byIds)
      for await (const page of pagesInOrder(this.#chroma, this.#shard, { memory: this.#memory })) {
        if (!this.#isAsListed(page, at)) break;
        at += page.length;
        yield page;
      }
    if (at < this.#ids.length) yield* this.#byIds(at);
  }

  #isAsListed(page: Page, from: number): boolean {
    for (let index = 0; index < page.length; index++)
      if (from + index >= this.#ids.length || !idText(page, index).equals(this.#ids.at(from + index)))
        return false;
    return page.length > 0;
  }

  async *#byIds(from: number): AsyncGenerator<Page> {
    const missing = new Map<string, number>();
    for (let index = from; index < this.#ids.length; index++)
      missing.set(this.#ids.at(index).toString('latin1'), index);
    const rest = { ...this.#shard, offset: from, records: this.#ids.length - from };
    for await (const page of pagesInOrder(this.#chroma, rest, { ids: this.#ids, memory: this.#memory })) {
      for (let index = 0; index < page.length; index++)
        if (!missing.delete(idText(page, index).toString('latin1')))
          throw new SourceChanged(
            `Chroma answered with a record of collection "${this.#shard.collection}" that it was not asked for, or twice (${idText(page, index).toString('utf8')}): run again, and check what stands between.`,
          );
      yield page;
    }
    for (const index of missing.values()) this.vanished.push(Buffer.from(this.#ids.at(index)));
  }
}
