import { z } from 'zod';
import { readExecutionEnd } from './execution-end.ts';

const ExecutionNamed = z.object({ detail: z.object({ executionArn: z.string() }) });

/** Where the console finds what a notice names. */
export interface NoticePlaces {
  region: string;
  bucket: string;
}

/** What people are told of an execution that has ended. */
export function noticeOf(event: unknown, { region, bucket }: NoticePlaces): string {
  const { run, status } = readExecutionEnd(event);
  const { executionArn } = ExecutionNamed.parse(event).detail;
  const console = `https://${region}.console.aws.amazon.com`;
  return [
    `Migration ${run ?? '(its input names no run)'}: ${status}`,
    ...(run
      ? [`Report: ${console}/s3/object/${bucket}?region=${region}&prefix=runs/${run}/report.html`]
      : []),
    `Execution: ${console}/states/home?region=${region}#/v2/executions/details/${executionArn}`,
    ...(status === 'SUCCEEDED' ? [] : ['Redrive the execution: what is done stays done.']),
  ].join('\n');
}
