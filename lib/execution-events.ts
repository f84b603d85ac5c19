import type { EventPattern } from 'aws-cdk-lib/aws-events';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';

export const UNFINISHED = ['FAILED', 'TIMED_OUT', 'ABORTED'] as const;

/** Ends of the machine's own executions: those of a map's children have an ARN with the map's name behind. */
export const executionEnds = (
  stateMachine: StateMachine,
  statuses: readonly ('SUCCEEDED' | (typeof UNFINISHED)[number])[],
): EventPattern => ({
  source: ['aws.states'],
  detailType: ['Step Functions Execution Status Change'],
  detail: { status: [...statuses], stateMachineArn: [stateMachine.stateMachineArn] },
});
