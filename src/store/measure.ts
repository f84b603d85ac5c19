import { Transform } from 'node:stream';

/** A stream that hands its bytes on unchanged and shows each chunk to `look` on the way. */
export function measure(look: (chunk: Buffer) => void): Transform {
  return new Transform({
    highWaterMark: 1 << 20,
    transform(chunk: Buffer, _encoding, done) {
      look(chunk);
      done(null, chunk);
    },
  });
}
