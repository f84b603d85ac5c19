/** Runs `work` under a signal that follows the outer one and can be aborted by itself. */
export async function withOwnSignal<T>(
  outer: AbortSignal,
  work: (controller: AbortController) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted();
  const controller = new AbortController();
  const follow = () => controller.abort(outer.reason);
  outer.addEventListener('abort', follow, { once: true });
  try {
    return await work(controller);
  } finally {
    outer.removeEventListener('abort', follow);
  }
}
