import { writeReport } from '../src/report/write-report.ts';
import { aboutExecutionEnd, readExecutionEnd } from './execution-end.ts';
import { log, openStore, openTarget } from './runtime.ts';
import { step } from './step.ts';

const context = { database: await openTarget(), store: await openStore(), log };

/** Writes the report of an execution that did not come to its last state, which writes it otherwise. */
export const handler = step(async (event: unknown): Promise<void> => {
  const { run, status, error, cause } = readExecutionEnd(event);
  if (run === null) return;
  const message = cause ?? 'Step Functions names no cause: see the execution.';
  await writeReport(context, {
    run,
    status: 'failed',
    error: { name: error ?? status, message, state: null },
  });
}, aboutExecutionEnd);
