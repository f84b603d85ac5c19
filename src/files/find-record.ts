import { recordUuid, uuidBytes, uuidText } from '../copy/record-id.ts';
import { wholeLines } from '../shard/whole-lines.ts';
import type { ShardStore } from '../store/store.ts';
import { NoRecord, type PlainLine, plainLine } from './plain-line.ts';
import { readDecompressed, type SourceFile } from './source-files.ts';

/** A record that was looked for. */
export interface FoundRecord {
  id: string;
  /** `docs.jsonl:7` */
  places: string[];
}

const LINE_FEED = 0x0a;

/**
 * Reads the files once more for the lines of one record. The ids of all need not fit into memory for that.
 *
 * @param key the record's id, or that of its row
 * @param collection of the record; lines may name others
 */
export async function findRecord(
  from: ShardStore,
  files: readonly SourceFile[],
  key: string,
  { collection, collectionId }: { collection: string; collectionId: string },
): Promise<FoundRecord | null> {
  const namespace = uuidBytes(collectionId);
  const isIt = (id: string) => id === key || uuidText(recordUuid(Buffer.from(id), namespace)) === key;
  let found: FoundRecord | null = null;
  for (const { key: file } of files) {
    let number = 0;
    for await (const block of wholeLines(readDecompressed(from, file, () => undefined)))
      for (const line of linesOf(block)) {
        number++;
        const record = recordIn(line);
        if (!record || (record.collection ?? collection) !== collection) continue;
        const id = JSON.parse(record.id.toString('utf8')) as string;
        if (!isIt(id)) continue;
        found ??= { id, places: [] };
        found.places.push(`${file}:${number}`);
      }
  }
  return found;
}

function* linesOf(block: Buffer): Generator<Buffer> {
  for (let start = 0; start < block.length; ) {
    const found = block.indexOf(LINE_FEED, start);
    const end = found < 0 ? block.length : found;
    yield block.subarray(start, end);
    start = end + 1;
  }
}

function recordIn(line: Buffer): PlainLine | null {
  try {
    return plainLine(line);
  } catch (error) {
    if (error instanceof NoRecord) return null;
    throw error;
  }
}
