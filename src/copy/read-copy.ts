import type { Readable } from 'node:stream';
import { COPY_HEADER } from './copy-buffer.ts';

/**
 * Rows of a binary COPY stream: each an array of fields, null for null. Fields are views into the stream's
 * buffers; copy what is to be kept.
 *
 * @throws RangeError if the bytes are no binary COPY stream
 */
export async function* readCopy(stream: Readable): AsyncGenerator<(Buffer | null)[]> {
  let bytes: Buffer = Buffer.alloc(0);
  let headerSeen = false;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    let at = 0;
    if (!headerSeen) {
      if (bytes.length < COPY_HEADER.length) continue;
      if (!bytes.subarray(0, COPY_HEADER.length).equals(COPY_HEADER))
        throw new RangeError('no COPY signature');
      at = COPY_HEADER.length;
      headerSeen = true;
    }
    for (;;) {
      const row = readRow(bytes, at);
      if (row === 'end') return;
      if (row === 'incomplete') break;
      yield row.fields;
      at = row.end;
    }
    bytes = bytes.subarray(at);
  }
  throw new RangeError('the COPY stream has no end');
}

function readRow(
  bytes: Buffer,
  start: number,
): { fields: (Buffer | null)[]; end: number } | 'end' | 'incomplete' {
  if (start + 2 > bytes.length) return 'incomplete';
  const count = bytes.readInt16BE(start);
  if (count === -1) return 'end';
  if (count < 0) throw new RangeError(`a row of ${count} fields`);
  let at = start + 2;
  const fields: (Buffer | null)[] = [];
  for (let field = 0; field < count; field++) {
    if (at + 4 > bytes.length) return 'incomplete';
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length < -1) throw new RangeError(`a field of ${length} bytes`);
    if (at + Math.max(0, length) > bytes.length) return 'incomplete';
    fields.push(length === -1 ? null : bytes.subarray(at, at + length));
    at += Math.max(0, length);
  }
  return { fields, end: at };
}
