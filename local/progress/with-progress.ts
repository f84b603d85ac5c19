import type { Log } from '../../src/log.ts';
import { consoleLog } from '../console-log.ts';
import { Progress } from './progress.ts';
import { ProgressDisplay } from './progress-line.ts';
import { progressLog } from './progress-log.ts';

interface Output {
  quiet?: true | undefined;
  verbose?: true | undefined;
}

/** Shows how far work is as long as it goes on: its log moves the progress. */
export async function withProgress<T>(
  values: Output,
  work: (log: Log) => Promise<T>,
  logOf: typeof progressLog = progressLog,
): Promise<T> {
  const progress = new Progress();
  const display = values.quiet ? null : new ProgressDisplay(progress);
  try {
    return await work(logOf(progress, consoleLog(values)));
  } finally {
    display?.stop();
  }
}

/** Says how much there is to do, as a run's planning does. */
export function logPlanned(log: Log, { collections }: { collections: readonly { records: number }[] }): void {
  const records = collections.reduce((sum, one) => sum + one.records, 0);
  log.info('planned', { records, collections: collections.length });
}
