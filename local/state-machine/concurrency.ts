import { withOwnSignal } from './abort.ts';
import { SiblingFailed } from './errors.ts';

/**
 * Does jobs 0 to count − 1 in order of their index, at most `limit` at a time. The first one that fails aborts
 * those under way, starts no further, waits until they have ended, and is what the call rejects with.
 */
export async function runConcurrently(
  count: number,
  limit: number,
  outer: AbortSignal,
  job: (index: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  await withOwnSignal(outer, async (controller) => {
    let next = 0;
    let failure: { error: unknown } | undefined;
    const worker = async () => {
      while (next < count && failure === undefined) {
        const index = next++;
        try {
          await job(index, controller.signal);
        } catch (error) {
          failure ??= { error };
          controller.abort(new SiblingFailed());
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(count, limit) }, worker));
    if (failure) throw failure.error;
    outer.throwIfAborted();
  });
}
