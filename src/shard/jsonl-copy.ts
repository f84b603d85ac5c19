import { Readable } from 'node:stream';
import { scanLines } from '../chroma/scan-lines.ts';
import { COPY_HEADER, COPY_TRAILER } from '../copy/copy-buffer.ts';
import { ShardEncoder } from '../copy/shard-encoder.ts';
import { ShardCorrupt } from '../errors.ts';

/** Lines that are encoded at a time, in bytes: memory holds little more than one such block. */
const BLOCK_BYTES = 4 * 1024 * 1024;
const LINE_FEED = 0x0a;

/**
 * Turns a shard's JSON lines into the COPY stream of one of its tables. Both tables share one connection, so
 * the lines are read once for each.
 */
export function copyOfLines(
  lines: Readable,
  table: 'documents' | 'embeddings',
  collectionId: string,
  dimension: number,
): Readable {
  return Readable.from(encoded(lines, table, new ShardEncoder(collectionId, dimension, 'pgcopy')));
}

async function* encoded(lines: Readable, table: 'documents' | 'embeddings', encoder: ShardEncoder) {
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

async function* wholeLines(stream: Readable): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    pieces.push(chunk);
    bytes += chunk.length;
    if (bytes < BLOCK_BYTES) continue;
    const block = Buffer.concat(pieces, bytes);
    const end = block.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) yield block.subarray(0, end);
    pieces = end < block.length ? [block.subarray(end)] : [];
    bytes = block.length - end;
  }
  if (bytes > 0) yield Buffer.concat(pieces, bytes);
}
