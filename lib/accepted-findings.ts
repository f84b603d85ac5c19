import { type CfnResource, Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { MigrationConfig } from './config.ts';
import type { ShardStore } from './shard-store.ts';
import type { Workflow } from './workflow.ts';

/** What is looked at, and where a finding's name needs to know the resource. */
export interface Accepted {
  readonly config: MigrationConfig;
  readonly store: ShardStore;
  readonly workflow: Workflow;
  /** The functions of the steps, and those beside them. */
  readonly functions: readonly IConstruct[];
  /** The instance that the stack makes, if it does. */
  readonly instance: IConstruct | null;
}

/**
 * Every finding of cdk-nag's AwsSolutions rules that is not mended, with the reason. Only these: a test fails on any
 * other, and each names its resource, so that another of the same kind elsewhere is found.
 */
export function acceptFindings({ config, store, workflow, functions, instance }: Accepted): void {
  accept(store, {
    'AwsSolutions-S1':
      'Only the roles of this stack use the bucket; access logs would need a second one. CloudTrail has data events.',
  });
  const bucket = logicalId(store.bucket);
  for (const one of functions)
    accept(one, {
      'AwsSolutions-IAM5[Resource::*]':
        'Traces, network interfaces of Lambda and prefix lists have no resource that a policy could name.',
      [`AwsSolutions-IAM5[Resource::<${bucket}.Arn>/runs/*]`]:
        'The objects of runs, whose names nobody knows yet.',
    });
  acceptMachine(workflow, bucket, functions);
  if (instance) acceptInstance(instance, config);
}

function acceptMachine(workflow: Workflow, bucket: string, functions: readonly IConstruct[]): void {
  const execution = `arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:{"Fn::Select":[6,{"Fn::Split":[":",{"Ref":"${logicalId(workflow.stateMachine)}"}]}]}`;
  const executions =
    'The executions of its own maps, to redrive and to stop them; their names are made when they run.';
  const maps = ['MigrateShards', 'MigrateUnfinishedShards', 'IndexCollections', 'VerifyCollections'];
  accept(workflow, {
    'AwsSolutions-IAM5[Resource::*]':
      'The delivery of its own log and traces have no resource that a policy could name.',
    [`AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::<${bucket}>/*]`]:
      "The maps' lists and results, whose names the run makes.",
    [`AwsSolutions-IAM5[Resource::${execution}:*]`]: executions,
    ...Object.fromEntries(
      maps.map((map) => [`AwsSolutions-IAM5[Resource::${execution}/${map}:*]`, executions]),
    ),
    ...Object.fromEntries(
      functions.map((one) => [
        `AwsSolutions-IAM5[Resource::<${logicalId(one.node.findChild('Function'))}.Arn>:*]`,
        'Versions of one function, which the CDK task for Lambda names besides the function.',
      ]),
    ),
  });
}

function acceptInstance(instance: IConstruct, { multiAz, onDestroy }: MigrationConfig): void {
  accept(instance, {
    'AwsSolutions-RDS11': 'Security groups keep others out, not an unusual port.',
    ...(multiAz
      ? {}
      : { 'AwsSolutions-RDS3': 'A second instance is for the configuration to ask for: multiAz.' }),
    ...(onDestroy === 'delete' && {
      'AwsSolutions-RDS10': 'The configuration asks for a database that goes with the stack.',
    }),
  });
}

function accept(construct: IConstruct, findings: Record<string, string>): void {
  for (const [id, reason] of Object.entries(findings)) Validations.of(construct).acknowledge({ id, reason });
}

const logicalId = (construct: IConstruct): string =>
  Stack.of(construct).getLogicalId(construct.node.defaultChild as CfnResource);
