import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { MigrationConfig } from './config.ts';
import { executionEnds, UNFINISHED } from './execution-events.ts';
import type { Network } from './network.ts';
import type { ShardStore } from './shard-store.ts';
import { StepFunction } from './step-function.ts';
import { memoryMb, timeoutMinutes } from './step-sizes.ts';
import type { TargetDatabase } from './target-database.ts';

export interface FailureReportProps {
  readonly config: MigrationConfig;
  readonly network: Network;
  readonly store: ShardStore;
  readonly database: TargetDatabase;
  readonly stateMachine: StateMachine;
}

/** Writes the report of an execution that failed: no state of its own can, since a Catch would spoil the redrive. */
export class FailureReport extends Construct {
  readonly report: StepFunction;

  constructor(scope: Construct, id: string, props: FailureReportProps) {
    super(scope, id);
    const { config, network, store, database, stateMachine } = props;
    this.report = new StepFunction(this, 'Report', {
      step: 'report-failure',
      description: 'Writes the report of an execution that did not come to its end.',
      // The same work as that of the last state.
      memorySize: memoryMb('write-report', config.shardMemoryMb),
      timeout: Duration.minutes(timeoutMinutes('write-report')),
      logRetention: config.logRetentionDays,
      placement: { network, securityGroup: network.databaseClients },
    })
      .bindDatabase(database)
      .bindStore(store, 'read', 'write');
    new events.Rule(this, 'Unfinished', {
      description: 'A migration failed, ran out of time or was aborted: its report is to be written.',
      eventPattern: executionEnds(stateMachine, UNFINISHED),
      targets: [new targets.LambdaFunction(this.report.function, { retryAttempts: 2 })],
    });
  }
}
