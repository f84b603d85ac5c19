import { CustomResource, Duration, Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { MigrationConfig } from './config.ts';
import { StepFunction } from './step-function.ts';

/**
 * The addresses of S3 in this region, for security groups, as a managed prefix list. Its id differs from region to
 * region and CloudFormation has no way to ask for it, so a function does at deployment.
 */
export class StoreAddresses extends Construct {
  readonly peer: ec2.IPeer;
  readonly find: StepFunction;

  constructor(scope: Construct, id: string, config: MigrationConfig) {
    super(scope, id);
    this.find = new StepFunction(this, 'Find', {
      step: 'find-prefix-list',
      description: "Finds the list of S3's addresses in this region.",
      memorySize: 256,
      timeout: Duration.seconds(30),
      logRetention: config.logRetentionDays,
    });
    // Describing has no resource to name.
    this.find.function.addToRolePolicy(
      new iam.PolicyStatement({ actions: ['ec2:DescribeManagedPrefixLists'], resources: ['*'] }),
    );
    const list = new CustomResource(this, 'List', {
      resourceType: 'Custom::StorePrefixList',
      serviceToken: this.find.function.functionArn,
      serviceTimeout: Duration.minutes(2),
      properties: { PrefixListName: `com.amazonaws.${Stack.of(this).region}.s3` },
    });
    list.node.addDependency(this.find);
    this.peer = ec2.Peer.prefixList(list.ref);
  }
}
