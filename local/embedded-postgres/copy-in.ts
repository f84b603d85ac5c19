import type { MessageReader } from './message-reader.ts';
import { COPY_DONE, copyFail, cstring, messagesIn, ProtocolViolation } from './protocol.ts';

/** A COPY is held in memory until its end: PGlite wants the whole of it in one call. */
const MAX_COPY_BYTES = 2 ** 30;

/**
 * What a client sends after CopyInResponse, up to CopyDone or CopyFail, as Postgres will read it.
 *
 * @returns the messages, not joined; null if the client went away
 */
export async function receiveCopy(reader: MessageReader): Promise<Buffer[] | null> {
  let data: Buffer[] = [];
  let bytes = 0;
  for (;;) {
    const next = await reader.nextRaw();
    if (next === null) return null;
    if (next.type === 'f') return [copyFail(cstring(Buffer.concat(next.parts.slice(1))).value)];
    if (next.type === 'c') return bytes <= MAX_COPY_BYTES ? [...data, COPY_DONE] : [TOO_LARGE];
    if (next.type === 'H' || next.type === 'S') continue;
    if (next.type !== 'd') throw new ProtocolViolation(`a message '${next.type}' within a COPY`);
    bytes += next.bytes;
    if (bytes <= MAX_COPY_BYTES) data.push(...next.parts);
    else data = [];
  }
}

const TOO_LARGE = copyFail(
  'the embedded Postgres takes at most 1 GiB at a time: use smaller shards, or a Postgres server of your own',
);

/** Passes an answer on without its CopyInResponse, which the client has had before. */
export function withoutCopyInResponse(onData: (bytes: Buffer) => void): (bytes: Buffer) => void {
  let isFirst = true;
  return (bytes) => {
    if (!isFirst) return onData(bytes);
    isFirst = false;
    let start = 0;
    for (const { type, end } of messagesIn(bytes)) {
      // Notices may come before it; an error comes instead of it.
      if (type === 'G') {
        onData(Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]));
        return;
      }
      if (type !== 'N') break;
      start = end;
    }
    onData(bytes);
  };
}
