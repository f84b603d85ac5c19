import type { Include } from '../chroma/chroma-source.ts';
import { AnswerFailed, AnswerTooLarge } from '../chroma/http.ts';
import type { RecordSource } from '../chroma/record-source.ts';
import type { Page, Spans } from '../chroma/scan-page.ts';
import { Scanner } from '../chroma/scanner.ts';
import type { CollectionProfile } from '../contract.ts';
import { PageIds } from '../shard/pages.ts';
import type { Ids } from '../shard/shard-ids.ts';

const SAMPLED_PARTS: readonly Include[] = ['documents', 'metadatas', 'uris'];
/** Records of one look. Looks are taken at the beginning, the middle and the end. */
const LOOK = 50;

type Address = { tenant: string; database: string; collectionId: string };

/** What a look at a collection told. */
export interface Look {
  profile: CollectionProfile;
  /** All ids in Chroma's order, each in its JSON text, where one look saw the whole collection; null otherwise. */
  ids: Ids | null;
}

/** Reads up to 150 records without their embeddings. Of a small collection nothing else need be asked for a plan. */
export async function lookAtCollection(
  chroma: RecordSource,
  address: Address,
  records: number,
): Promise<Look> {
  const offsets = [...new Set([0, Math.floor(records / 2), Math.max(0, records - LOOK)])];
  // Looks that would overlap are one.
  const looks = records <= LOOK ? [0] : offsets;
  const tally = new Tally();
  let ids: Ids | null = null;
  if (records > 0)
    for (const offset of looks) {
      const page = await lookAt(chroma, address, { offset, limit: LOOK });
      tally.add(page);
      // Fewer than were counted: somebody deletes, or the server hands out less than it is asked for.
      if (records <= LOOK && page.length >= records) ids = new PageIds(page);
    }
  return { profile: tally.profile(), ids };
}

/** Ids alone where the server fails at the rest: which record it cannot deliver is for the export to find. */
async function lookAt(chroma: RecordSource, address: Address, range: { offset: number; limit: number }) {
  try {
    return await chroma.page(address, range, SAMPLED_PARTS);
  } catch (error) {
    if (error instanceof AnswerFailed) return chroma.page(address, range, []);
    // Documents of megabytes.
    if (error instanceof AnswerTooLarge) return chroma.page(address, { ...range, limit: 1 }, SAMPLED_PARTS);
    throw error;
  }
}

class Tally {
  #sampled = 0;
  #bytes = { ids: 0, documents: 0, metadatas: 0 };
  readonly #keys = new Map<string, { types: Set<string>; count: number }>();

  add(page: Page): void {
    this.#sampled += page.length;
    this.#bytes.ids += length(page.ids);
    this.#bytes.documents += length(page.documents) + length(page.uris);
    this.#bytes.metadatas += length(page.metadatas);
    for (let index = 0; index < page.length; index++) this.#addKeys(page, index);
  }

  profile(): CollectionProfile {
    const per = (bytes: number) => (this.#sampled === 0 ? 0 : Math.round(bytes / this.#sampled));
    return {
      sampled: this.#sampled,
      averageIdBytes: per(this.#bytes.ids),
      averageDocumentBytes: per(this.#bytes.documents),
      averageMetadataBytes: per(this.#bytes.metadatas),
      metadataKeys: [...this.#keys].map(([key, { types, count }]) => ({
        key,
        types: [...types].sort(),
        share: count / this.#sampled,
      })),
    };
  }

  #addKeys({ bytes, metadatas }: Page, index: number): void {
    const start = metadatas?.starts[index] ?? -1;
    if (start < 0) return;
    const scanner = new Scanner(bytes.subarray(start, metadatas!.ends[index]));
    scanner.members((key) => {
      const seen = this.#keys.get(key) ?? { types: new Set<string>(), count: 0 };
      seen.types.add(TYPES[String.fromCharCode(scanner.nextByte()!)] ?? 'number');
      seen.count++;
      this.#keys.set(key, seen);
      scanner.skip();
    });
  }
}

/** By the character that a value begins with. */
const TYPES: Record<string, string> = {
  ...{ '"': 'string', '[': 'array', '{': 'object', n: 'object', t: 'boolean', f: 'boolean' },
};

function length(spans: Spans | null): number {
  let sum = 0;
  for (let index = 0; index < (spans?.length ?? 0); index++)
    if (spans!.starts[index]! >= 0) sum += spans!.ends[index]! - spans!.starts[index]!;
  return sum;
}
