import { Readable } from 'node:stream';
import { scanLines } from '../chroma/scan-lines.ts';
import { COPY_HEADER, COPY_TRAILER } from '../copy/copy-buffer.ts';
import { ShardEncoder } from '../copy/shard-encoder.ts';
import { ShardCorrupt } from '../errors.ts';
import { wholeLines } from './whole-lines.ts';

/**
 * Turns a shard's JSON lines into the COPY stream of one of its tables. Both tables share one connection, so
 * the lines are read once for each.
 */
export function copyOfLines(
  lines: AsyncIterable<Buffer>,
  table: 'documents' | 'embeddings',
  collectionId: string,
  dimension: number,
): Readable {
  return Readable.from(encoded(lines, table, new ShardEncoder(collectionId, dimension, 'pgcopy')));
}

async function* encoded(
  lines: AsyncIterable<Buffer>,
  table: 'documents' | 'embeddings',
  encoder: ShardEncoder,
) {
  yield COPY_HEADER;
  for await (const block of wholeLines(lines)) {
    const page = encoder.encode(scanLines(block), 0);
    if (page.rejects.length > 0)
      throw new ShardCorrupt(
        'A file of JSON lines holds records that were not exported so: export the shard again.',
      );
    yield page[table];
  }
  yield COPY_TRAILER;
}
