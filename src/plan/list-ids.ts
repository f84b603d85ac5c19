import { TooManyAsked } from '../chroma/http.ts';
import type { RecordSource } from '../chroma/record-source.ts';
import { scanPage } from '../chroma/scan-page.ts';
import { CopyBuffer } from '../copy/copy-buffer.ts';
import { SourceChanged } from '../errors.ts';
import { PageMemory } from '../shard/page-memory.ts';
import { PageIds } from '../shard/pages.ts';
import { addLine, type Ids, ShardIds } from '../shard/shard-ids.ts';

type Address = { tenant: string; database: string; collectionId: string };

/** Ids that are asked for at a time: some 16 ms of server 1.0.0. */
const IDS_A_PAGE = 10_000;
/** The last ids that were listed, by which the place is found again after a delete has moved it. */
const TAIL = 1000;
/** Of these, the ones with which the next page must begin. */
const OVERLAP = 16;

/**
 * The ids of a collection in Chroma's order, which is that of insertion, page by page, none twice or left out, also
 * while somebody writes: a delete moves all that stand behind it, so a page begins with the last ids of the one before,
 * and where it does not, the place is looked for nearer to the beginning. Only a record that is deleted and added again
 * meanwhile may come twice.
 *
 * @param records as many as Chroma counted just now: who goes on until nothing new comes may go on for ever
 * @throws SourceChanged if most of what was listed last is no longer there
 */
export async function* listIds(
  chroma: RecordSource,
  address: Address,
  records: number,
  idsAPage = IDS_A_PAGE,
): AsyncGenerator<Ids> {
  const memory = new PageMemory();
  // Copies in two memories that take turns: the page's own is the next one's.
  const tails = new CopyBuffer();
  let tail = new ShardIds(tails.view());
  let listed = 0;
  /** Place behind the last listed id, as far as is known. */
  let next = 0;
  let back = 0;
  /** The longest page: a server may hand out fewer ids at a time than it is asked for. */
  let longest = 0;
  /** Chroma Cloud refuses to hand out more than 300 at a time. */
  let allowed = Number.POSITIVE_INFINITY;
  // A record that was counted stands no farther back than it did then.
  while (next < records) {
    const overlap = Math.min(OVERLAP, tail.length);
    const offset = Math.max(0, next - overlap - back);
    const limit = next - offset + idsAPage;
    const bytes = await chroma
      .pageBytes(address, { offset, limit: Math.min(limit, allowed) }, [], { allocate: memory.take })
      .catch((error: unknown) => {
        if (!(error instanceof TooManyAsked) || error.limit >= Math.min(limit, allowed)) throw error;
        allowed = error.limit;
        return null;
      });
    if (!bytes) continue;
    const page = scanPage(bytes, memory.room());
    const ids = new PageIds(page);
    const isWhole = offset === 0 && listed <= tail.length;
    const begin =
      back === 0 && startsWith(ids, tail, overlap) ? overlap : placeBehind(tail, [...ids], isWhole);
    if (begin === null) {
      if (offset === 0)
        throw new SourceChanged(
          `Collection ${address.collectionId} lost most of ${TAIL} records in a row while its ids were listed: start a new run when fewer are deleted.`,
        );
      back = Math.max(Math.min(TAIL, Math.floor(allowed / 2)), 4 * back);
      memory.giveBack(bytes);
      continue;
    }
    const fresh = new PageIds(page, begin);
    if (fresh.length === 0) return;
    yield fresh;
    listed += fresh.length;
    const kept = Math.min(TAIL, Math.ceil(allowed / 2));
    const last = new PageIds(page, Math.max(begin, page.length - kept));
    for (let at = Math.max(0, tail.length + last.length - kept); at < tail.length; at++)
      addLine(tails, tail.at(at));
    for (const id of last) addLine(tails, id);
    tail = new ShardIds(tails.swap());
    memory.giveBack(bytes);
    next = offset + ids.length;
    back = 0;
    if (ids.length < Math.min(limit, longest, allowed)) return;
    longest = Math.max(longest, ids.length);
  }
}

/** Whether they begin with the last `overlap` of those listed before. */
function startsWith(ids: Ids, tail: ShardIds, overlap: number): boolean {
  const first = ids[Symbol.iterator]();
  for (let at = tail.length - overlap; at < tail.length; at++)
    if (!first.next().value?.equals(tail.at(at))) return false;
  return true;
}

/**
 * Where `ids` go on behind the last of `tail`; null if they do not tell. Nothing comes between records that stayed, and
 * one that was deleted and added again stands at the end, behind what was not listed yet.
 *
 * @param isWhole `ids` are the collection from its first on, and `tail` is all that was listed
 */
function placeBehind(tail: ShardIds, ids: readonly Buffer[], isWhole: boolean): number | null {
  const known = new Set(Array.from(tail, (id) => id.toString('latin1')));
  const isKnown = (id: Buffer | undefined) => id !== undefined && known.has(id.toString('latin1'));
  let place = isWhole ? 0 : ids.findIndex(isKnown);
  if (place < 0) return null;
  const first = place;
  while (isKnown(ids[place])) place++;
  return isWhole || place - first > tail.length / 2 ? place : null;
}
