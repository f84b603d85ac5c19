/** Lines that are handed on at a time, in bytes: memory holds little more than one such block. */
const BLOCK_BYTES = 4 * 1024 * 1024;
const LINE_FEED = 0x0a;

/**
 * Blocks of whole lines of JSON. Only a line feed ends one: node:readline would also break at U+2028 and U+2029,
 * which JSON holds unescaped.
 */
export async function* wholeLines(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    // Its memory may be used again for the next.
    pieces.push(Buffer.from(chunk));
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
