import { Duration, Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { MigrationConfig } from './config.ts';
import { executionEnds, UNFINISHED } from './execution-events.ts';
import type { ShardStore } from './shard-store.ts';
import { StepFunction } from './step-function.ts';

export interface NoticesProps {
  readonly config: MigrationConfig;
  readonly store: ShardStore;
  readonly stateMachine: StateMachine;
}

/** What people are told: how each execution ended, with the report's address, and the alarms. */
export class Notices extends Construct {
  readonly topic: sns.Topic;
  readonly send: StepFunction;

  constructor(scope: Construct, id: string, { config, store, stateMachine }: NoticesProps) {
    super(scope, id);
    // Not encrypted with AWS's own key for SNS, under which no alarm can publish; a notice says no more than names and
    // states.
    this.topic = new sns.Topic(this, 'Topic', { displayName: 'chroma-to-pgvector', enforceSSL: true });
    this.topic.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'Alarms',
        principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    if (config.alarmEmail) this.topic.addSubscription(new EmailSubscription(config.alarmEmail));
    this.send = new StepFunction(this, 'Send', {
      step: 'send-notice',
      description: 'Tells how an execution ended, and where its report is.',
      memorySize: 256,
      timeout: Duration.minutes(1),
      logRetention: config.logRetentionDays,
    }).bindStore(store);
    this.send.function.addEnvironment('NOTICES_TOPIC_ARN', this.topic.topicArn);
    this.topic.grantPublish(this.send.function);
    new events.Rule(this, 'Ended', {
      description: 'A migration has ended, one way or the other.',
      eventPattern: executionEnds(stateMachine, ['SUCCEEDED', ...UNFINISHED]),
      targets: [new targets.LambdaFunction(this.send.function, { retryAttempts: 10 })],
    });
  }

  sendAlarm(alarm: cloudwatch.Alarm): void {
    alarm.addAlarmAction(new SnsAction(this.topic));
  }
}
