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

/** The same of work that reads records as an export does, but to compare or to cut them. */
export function readingLog(progress: Progress, said: Log): Log {
  const log = progressLog(progress, said);
  return {
    warn: log.warn,
    info: (message, fields) =>
      log.info(message, { ...fields, ...(fields?.phase === 'export' && { phase: 'read' }) }),
  };
}
