/**
 * Ctrl-C: the first stops the run cleanly (children are ended, the ledger and the store stay as they are),
 * the second ends the process at once. Both leave nothing half-done: a shard is in or it is not.
 */
export function onInterrupt(run: string): { signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(1);
    process.stderr.write(`\nStopping. Go on later with --run ${run}; once more to stop at once.\n`);
    controller.abort();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', stop).off('SIGTERM', stop);
    },
  };
}
