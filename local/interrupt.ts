import { MigrationError } from '../src/errors.ts';

/** Somebody asked this program to stop. */
export class Interrupted extends MigrationError {
  static override readonly errorName = 'Interrupted';
}

export interface Interrupt {
  /** Aborted with an Interrupted. */
  readonly signal: AbortSignal;
  /** What the work comes to, unless it is interrupted before. @throws Interrupted */
  stops<T>(work: Promise<T>): Promise<T>;
  release(): void;
}

/** One Ctrl-C may come twice, from the terminal and handed on by npm. Milliseconds. */
const SAME_PRESS = 500;

/**
 * Ctrl-C: the first stops cleanly (children are ended, the ledger and the store stay as they are), the second
 * ends the process at once. Both leave nothing half-done: a shard is in or it is not.
 *
 * @param consequence what becomes of the work, for a person
 */
export function onInterrupt(consequence: string): Interrupt {
  const controller = new AbortController();
  const { signal } = controller;
  let stoppedAt = 0;
  const stop = () => {
    if (signal.aborted) {
      if (performance.now() - stoppedAt > SAME_PRESS) process.exit(1);
      return;
    }
    stoppedAt = performance.now();
    process.stderr.write('\nStopping; once more to stop at once.\n');
    controller.abort(new Interrupted(`Stopped as asked: ${consequence}.`));
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return {
    signal,
    stops: <T>(work: Promise<T>) => {
      const interrupted = new Promise<never>((_, reject) => {
        const end = () => reject(signal.reason as Interrupted);
        if (signal.aborted) end();
        else signal.addEventListener('abort', end, { once: true });
      });
      return Promise.race([work, interrupted]);
    },
    release: () => {
      process.off('SIGINT', stop).off('SIGTERM', stop);
    },
  };
}
