import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { MigrationConfig } from './config.ts';
import { executionEnds, UNFINISHED } from './execution-events.ts';
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
  /** For an alarm. */
  readonly watched: { readonly step: StepFunction; readonly remedy: string };

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
    this.watched = {
      step: this.restore,
      remedy: `A run failed and its import profile is still set: set max_wal_size and checkpoint_timeout of the parameter group to the old values, which runs/<run>/import-profile.json holds as "restore".`,
    };
    new events.Rule(this, 'Unfinished', {
      description: 'A migration failed, ran out of time or was aborted.',
      eventPattern: executionEnds(stateMachine, UNFINISHED),
      targets: [new targets.LambdaFunction(this.restore.function, { retryAttempts: 10 })],
    });
  }
}
