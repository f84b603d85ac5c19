import type { WriteReportInput, WriteReportOutput } from '../src/contract.ts';
import { writeReport } from '../src/report/write-report.ts';
import { log, openStore, openTarget } from './runtime.ts';
import { step } from './step.ts';

const context = { database: await openTarget(), store: await openStore(), log };

/** Writes the run's report: JSON for machines, HTML for people. */
export const handler = step(async (event: WriteReportInput): Promise<WriteReportOutput> => {
  const { run, reportKey, htmlKey } = await writeReport(context, event);
  return { run, reportKey, htmlKey };
});
