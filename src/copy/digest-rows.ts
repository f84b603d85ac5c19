import { COPY_HEADER, COPY_TRAILER, CopyBuffer } from './copy-buffer.ts';

/** One record of digests.bin: id (16) and digest (8). */
export const DIGEST_RECORD_BYTES = 24;

/**
 * A COPY stream of (id uuid, digest bigint, shard integer) of the bytes of a digests.bin.
 * @param digests each piece is used before the next is asked for
 */
export async function* digestRows(digests: AsyncIterable<Buffer>, shard: number): AsyncGenerator<Buffer> {
  yield COPY_HEADER;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of digests) {
    const bytes = Buffer.concat([rest, chunk]);
    const rows = new CopyBuffer(bytes.length * 2);
    let at = 0;
    for (; at + DIGEST_RECORD_BYTES <= bytes.length; at += DIGEST_RECORD_BYTES) {
      rows.row(3);
      rows.field(bytes.subarray(at, at + 16));
      rows.field(bytes.subarray(at + 16, at + DIGEST_RECORD_BYTES));
      rows.int32Field(shard);
    }
    rest = bytes.subarray(at);
    yield rows.take();
  }
  yield COPY_TRAILER;
}
