import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { WriteReportInput } from '../../src/contract.ts';
import { invokeStep } from './invoke-step.ts';
import type { Rooms } from './rooms.ts';

/** WriteReport → Done. The execution's output is {run, report}: the report's key in the store. */
export function reportStates(scope: Construct, { steps }: Rooms): sfn.Chain {
  const writeReport = invokeStep<Omit<WriteReportInput, 'error'>>(scope, 'WriteReport', steps.writeReport, {
    comment: 'JSON for machines, HTML for people.',
    payload: { run: '{% $plan.run %}', status: 'succeeded' },
  });
  const done = sfn.Succeed.jsonata(scope, 'Done', {
    comment: 'Everything that was asked for is verified and published.',
    outputs: { run: '{% $plan.run %}', report: '{% $states.input.htmlKey %}' },
  });
  return writeReport.next(done);
}
