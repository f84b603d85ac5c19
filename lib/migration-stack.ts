import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { ChromaToPgvector, type ChromaToPgvectorProps } from './chroma-to-pgvector.ts';
import { type ConfigSources, gatherConfig } from './config-sources.ts';

/** The migration in a stack of its own, configured from outside, with what the command line looks for. */
export class MigrationStack extends Stack {
  constructor(scope: Construct, id: string, props: StackProps & ConfigSources = {}) {
    super(scope, id, props);
    // What was gathered is not trusted; the construct parses it and names what is wrong.
    const settings = gatherConfig(this.node, props) as ChromaToPgvectorProps;
    // 'Default' adds nothing to the names of what is in it.
    const migration = new ChromaToPgvector(this, 'Default', settings);
    const { stateMachine, bucket, database, topic, dashboard } = migration;

    new CfnOutput(this, 'StateMachineArn', { value: stateMachine.stateMachineArn });
    new CfnOutput(this, 'StoreUrl', { value: `s3://${bucket.bucketName}` });
    new CfnOutput(this, 'DatabaseHost', { value: database.host });
    new CfnOutput(this, 'DatabaseName', { value: database.databaseName });
    new CfnOutput(this, 'DatabaseSecretArn', { value: database.masterSecret.secretArn });
    new CfnOutput(this, 'NoticesTopicArn', { value: topic.topicArn });
    new CfnOutput(this, 'DashboardName', { value: dashboard.dashboardName });
    new CfnOutput(this, 'KeptOnDestroy', {
      value: migration.keptOnDestroy,
      description: 'What stays when the stack is destroyed',
    });
  }
}
