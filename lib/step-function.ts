import { type Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { stepCode } from './bundle.ts';
import type { MigrationConfig } from './config.ts';
import type { Network } from './network.ts';
import type { ShardStore } from './shard-store.ts';
import type { FunctionName } from './step-names.ts';
import type { TargetDatabase } from './target-database.ts';

export interface StepFunctionProps {
  readonly step: FunctionName;
  /** One sentence for the console. */
  readonly description: string;
  /** MB; the function's share of a processor grows with it (one whole at 1,769). */
  readonly memorySize: number;
  readonly timeout: Duration;
  readonly logRetention: logs.RetentionDays;
  /** Puts the function into the isolated subnets; without it, it runs outside the VPC and reaches the internet. */
  readonly placement?: Placement;
}

export interface Placement {
  readonly network: Network;
  /** Says whom the function may speak to. */
  readonly securityGroup: ec2.ISecurityGroup;
}

/** Each stack has figures of its own. */
export const metricNamespace = (scope: Construct): string => `ChromaToPgvector/${Stack.of(scope).stackName}`;

/** How a step may use the store: all look before they work, some write, one takes back a broken shard. */
export type StoreAccess = 'read' | 'write' | 'delete';

/**
 * One step's Lambda function with all that the steps have in common. `bind…` gives it a neighbour: the
 * environment that names it and the permission to use it, in one call.
 */
export class StepFunction extends Construct {
  readonly function: lambda.Function;
  readonly logGroup: logs.LogGroup;
  readonly timeout: Duration;

  constructor(scope: Construct, id: string, props: StepFunctionProps) {
    super(scope, id);
    this.timeout = props.timeout;
    this.logGroup = new logs.LogGroup(this, 'Logs', {
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = this.#createRole(props.placement !== undefined);
    this.function = new lambda.Function(this, 'Function', {
      description: props.description,
      ...stepCode(this, props.step),
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      memorySize: props.memorySize,
      timeout: props.timeout,
      tracing: lambda.Tracing.ACTIVE,
      role,
      logGroup: this.logGroup,
      // V8 lets its young generation grow with what it survives, and what sockets leave outside the heap waits for it: at 4
      // the memory of a small call and of a large one are alike (docs/scale.md), and neither takes longer.
      environment: {
        NODE_OPTIONS: '--enable-source-maps --max-semi-space-size=4',
        // glibc keeps what each thread has given back for that thread: a tenth of an exporter's memory.
        MALLOC_ARENA_MAX: '1',
        POWERTOOLS_SERVICE_NAME: props.step,
      },
      ...(props.placement && {
        vpc: props.placement.network.vpc,
        vpcSubnets: props.placement.network.subnets,
        securityGroups: [props.placement.securityGroup],
      }),
    });
    if (props.placement) this.#keepInterfacesFromCode(role);
  }

  bindStore(store: ShardStore, ...access: StoreAccess[]): this {
    this.function.addEnvironment('STORE_URL', store.url);
    if (access.includes('read')) store.grantRead(this.function);
    if (access.includes('write')) store.grantWrite(this.function);
    if (access.includes('delete')) store.grantDelete(this.function);
    return this;
  }

  bindChroma(config: MigrationConfig): this {
    this.function.addEnvironment('CHROMA_URL', config.chromaUrl);
    this.function.addEnvironment('POWERTOOLS_METRICS_NAMESPACE', metricNamespace(this));
    if (config.chromaSecretArn === null) return this;
    // Its name, never what it holds: the function reads that when it starts.
    this.function.addEnvironment('CHROMA_SECRET_ARN', config.chromaSecretArn);
    this.function.addToRolePolicy(
      new iam.PolicyStatement({
        actions: ['secretsmanager:GetSecretValue'],
        resources: [config.chromaSecretArn],
      }),
    );
    return this;
  }

  bindDatabase(database: TargetDatabase): this {
    database.grantConnect(this.function);
    return this.nameDatabase(database);
  }

  /** Says where the database is, without the right to connect as the migration's user. */
  nameDatabase(database: TargetDatabase): this {
    const environment = {
      DATABASE_HOST: database.host,
      DATABASE_PORT: database.port,
      DATABASE_NAME: database.databaseName,
      DATABASE_USER: database.user,
      // Part of Lambda's Node runtime; holds the authorities of RDS. Node does not read it by itself from 20 on.
      DATABASE_CA_FILE: '/var/runtime/ca-cert.pem',
      ...(database.storageGib && { DATABASE_STORAGE_GIB: String(database.storageGib) }),
    };
    for (const [name, value] of Object.entries(environment)) this.function.addEnvironment(name, value);
    return this;
  }

  /** A role of its own: AWS's managed policies let a function write to every log of the account. */
  #createRole(inVpc: boolean): iam.Role {
    const role = new iam.Role(this, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
    this.logGroup.grantWrite(role);
    if (inVpc) role.addToPolicy(new iam.PolicyStatement({ actions: INTERFACE_ACTIONS, resources: ['*'] }));
    return role;
  }

  /** The interfaces are Lambda's to make; what runs in the function has the same role and no business with them. */
  #keepInterfacesFromCode(role: iam.Role): void {
    new iam.Policy(this, 'InterfacesByLambdaOnly', {
      roles: [role],
      statements: [
        new iam.PolicyStatement({
          effect: iam.Effect.DENY,
          actions: INTERFACE_ACTIONS,
          resources: ['*'],
          conditions: { ArnEquals: { 'lambda:SourceFunctionArn': this.function.functionArn } },
        }),
      ],
    });
  }
}

/** What Lambda asks of the role of a function in a VPC, before the interfaces have names (Lambda developer guide). */
const INTERFACE_ACTIONS = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];
