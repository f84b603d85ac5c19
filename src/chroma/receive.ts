import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';

/** Gives memory of at least so many bytes. */
export type Allocate = (bytes: number) => Buffer;

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** The answer was longer than it may be. */
export class AnswerTooLong extends Error {
  override readonly name = 'AnswerTooLong';
  readonly maxBytes: number;
  constructor(maxBytes: number) {
    super();
    this.maxBytes = maxBytes;
  }
}

/** The answer has not ended in time, although bytes came. */
export class AnswerTooSlow extends Error {
  override readonly name = 'AnswerTooSlow';
  readonly milliseconds: number;
  constructor(milliseconds: number) {
    super();
    this.milliseconds = milliseconds;
  }
}

/** What an answer may be at most. */
export interface Bounds {
  bytes: number;
  /** From the request's beginning to the answer's end: one that brings a byte now and then would never end. */
  milliseconds: number;
}

/** Room at first for an answer that does not say how long it is. */
const UNTOLD_BYTES = 64 * 1024;

/**
 * Sends a request and gathers the answer straight into one buffer, whose size the answer's Content-Length tells.
 * Undici's own readers keep all pieces until the last has come and join them then, which costs a page of 4 MB
 * twice: a third more processor time (docs/decisions.md).
 *
 * @throws AnswerTooLong, AnswerTooSlow, and undici's errors
 */
export function receive(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  allocate: Allocate,
  { bytes: maxBytes, milliseconds }: Bounds,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let patience: NodeJS.Timeout | undefined;
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    let room: Buffer = Buffer.alloc(0);
    let length = 0;
    dispatcher.dispatch(options, {
      onRequestStart(controller) {
        // Not from the call on: a request may wait for its turn.
        patience = setTimeout(() => controller.abort(new AnswerTooSlow(milliseconds)), milliseconds);
      },
      onResponseStart(controller, statusCode, received) {
        // What is below 200 only announces the answer.
        if (statusCode < 200) return;
        status = statusCode;
        headers = received;
        const told = Number(received['content-length'] ?? UNTOLD_BYTES);
        if (told > maxBytes) return controller.abort(new AnswerTooLong(maxBytes));
        room = allocate(told);
      },
      onResponseData(controller, chunk) {
        const end = length + chunk.length;
        if (end > maxBytes) return controller.abort(new AnswerTooLong(maxBytes));
        if (end > room.length) {
          const larger = Buffer.allocUnsafeSlow(Math.max(end, 2 * room.length));
          room.copy(larger, 0, 0, length);
          room = larger;
        }
        room.set(chunk, length);
        length = end;
      },
      onResponseEnd() {
        clearTimeout(patience);
        resolve({ status, headers, body: room.subarray(0, length) });
      },
      onResponseError(_controller, error) {
        clearTimeout(patience);
        reject(error);
      },
    });
  });
}
