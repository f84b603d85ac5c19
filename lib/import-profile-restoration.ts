import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { MigrationConfig } from './config.ts';
import type { ShardStore } from './shard-store.ts';
import { StepFunction } from './step-function.ts';
import type { TunableInstance } from './target-database.ts';

export interface ImportProfileRestorationProps {
  readonly config: MigrationConfig;
  readonly store: ShardStore;
  readonly stateMachine: StateMachine;
  readonly tunable: TunableInstance;
}

/**
 * Takes the import profile back when an execution fails, runs out of time or is aborted. Not by a Catch in the state
 * machine: a Map whose error is caught is over, and could not be redriven. A redrive goes on with the old settings.
 */
export class ImportProfileRestoration extends Construct {
  readonly restore: StepFunction;

  constructor(scope: Construct, id: string, props: ImportProfileRestorationProps) {
    super(scope, id);
    const { config, store, stateMachine, tunable } = props;
    this.restore = new StepFunction(this, 'Restore', {
      step: 'restore-parameters',
      description: 'Takes the import profile back after an execution that did not come to its end.',
      memorySize: 256,
      timeout: Duration.minutes(5),
      logRetention: config.logRetentionDays,
    }).bindStore(store, 'read');
    this.restore.function.addEnvironment('DATABASE_PARAMETER_GROUP', tunable.parameterGroupName);
    this.restore.function.addToRolePolicy(
      new iam.PolicyStatement({
        actions: ['rds:ModifyDBParameterGroup'],
        resources: [tunable.parameterGroupArn],
      }),
    );
    new events.Rule(this, 'Unfinished', {
      description: 'A migration failed, ran out of time or was aborted.',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        // The machine's own: executions of a map's children have an ARN with the map's name behind.
        detail: {
          status: ['FAILED', 'TIMED_OUT', 'ABORTED'],
          stateMachineArn: [stateMachine.stateMachineArn],
        },
      },
      targets: [new targets.LambdaFunction(this.restore.function, { retryAttempts: 10 })],
    });
  }
}
