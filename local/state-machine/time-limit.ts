import { withOwnSignal } from './abort.ts';
import type { Clock } from './clock.ts';

/**
 * Does `work`, but no longer than `seconds` (null: as long as it takes). The signal that `work` is given is
 * aborted when the time is over, and when the outer one is; either ends the wait at once, whatever `work` does.
 */
export async function withTimeLimit<T>(
  clock: Clock,
  seconds: number | null,
  outer: AbortSignal,
  expired: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return withOwnSignal(outer, async (controller) => {
    const { signal } = controller;
    let onAbort = () => {};
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
    });
    const timer = new AbortController();
    if (seconds !== null)
      clock.sleep(seconds * 1000, timer.signal).then(
        () => controller.abort(expired()),
        // Nobody waits for a timer that was called off.
        () => undefined,
      );
    try {
      return await Promise.race([work(signal), aborted]);
    } finally {
      timer.abort();
      signal.removeEventListener('abort', onAbort);
    }
  });
}
