import type { Log } from '../../src/log.ts';
import type { Progress } from './progress.ts';

/** A log whose lines move the progress as well, as those of a run's handlers do. */
export const progressLog = (progress: Progress, said: Log): Log => ({
  warn: said.warn,
  info(message, fields) {
    progress.log({ ...fields, message }, Date.now());
    if (message !== 'progress') said.info(message, fields);
  },
});
