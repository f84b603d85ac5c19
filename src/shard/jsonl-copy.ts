import { Readable } from 'node:stream';
import { scanLines } from '../chroma/scan-lines.ts';
import { COPY_HEADER, COPY_TRAILER } from '../copy/copy-buffer.ts';
import { type EncodedCollection, ShardEncoder } from '../copy/shard-encoder.ts';
import type { CopyObject } from '../copy/table-rows.ts';
import { ShardCorrupt } from '../errors.ts';
import { wholeLines } from './whole-lines.ts';

/**
 * Turns a shard's JSON lines into the COPY stream of one of its tables. All tables share one connection, so
 * the lines are read once for each.
 */
export function copyOfLines(
  lines: AsyncIterable<Buffer>,
  object: CopyObject,
  collection: EncodedCollection,
): Readable {
  return Readable.from(encoded(lines, object, new ShardEncoder(collection, 'pgcopy')));
}

async function* encoded(lines: AsyncIterable<Buffer>, object: CopyObject, encoder: ShardEncoder) {
  yield COPY_HEADER;
  for await (const block of wholeLines(lines)) {
    const page = encoder.encode(scanLines(block), 0);
    if (page.rejects.length > 0)
      throw new ShardCorrupt(
        'A file of JSON lines holds records that were not exported so: export the shard again.',
      );
    yield page.copies[object];
  }
  yield COPY_TRAILER;
}
