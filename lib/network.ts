import { type CfnResource, RemovalPolicy } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct, type IConstruct } from 'constructs';
import type { MigrationConfig } from './config.ts';

/**
 * Where the database and the functions that talk to it live: isolated subnets, which have no way out but the
 * gateway endpoint to S3. A gateway endpoint costs nothing; NAT gateways and interface endpoints are billed by
 * the hour, and nothing here needs one: IAM tokens are signed locally, logs and traces of functions in a VPC
 * do not pass through it. The exception is a Chroma in the VPC whose token lies in Secrets Manager.
 *
 * Or the subnets of a VPC that is there already, whatever leads out of them.
 */
export class Network extends Construct {
  readonly vpc: ec2.IVpc;
  readonly subnets: ec2.SubnetSelection = { subnetType: ec2.SubnetType.PRIVATE_ISOLATED };
  /** Of the functions that use the database. */
  readonly databaseClients: ec2.SecurityGroup;
  /** Of the functions that read a Chroma in the VPC; null if Chroma is on the internet. */
  readonly chromaClients: ec2.SecurityGroup | null;
  readonly #storePolicy = new iam.PolicyDocument();

  constructor(scope: Construct, id: string, config: MigrationConfig) {
    super(scope, id);
    this.vpc = config.vpc ? this.#findVpc(config.vpc) : this.#createVpc(config);
    this.databaseClients = this.securityGroup('DatabaseClients', 'Functions that use the database');
    this.chromaClients = config.chromaNetwork === 'vpc' ? this.#openChroma(config) : null;
  }

  /** Functions in the VPC may speak to S3's own addresses, and the endpoint passes requests for this bucket only. */
  openStore(bucket: s3.IBucket, addresses: ec2.IPeer): void {
    for (const clients of [this.databaseClients, this.chromaClients])
      clients?.addEgressRule(addresses, ec2.Port.HTTPS, 'S3 through its gateway endpoint');
    this.#storePolicy.addStatements(
      new iam.PolicyStatement({
        principals: [new iam.AnyPrincipal()],
        actions: [
          's3:GetObject',
          's3:PutObject',
          's3:DeleteObject',
          's3:AbortMultipartUpload',
          's3:ListBucket',
        ],
        resources: [bucket.bucketArn, bucket.arnForObjects('*')],
      }),
    );
  }

  /** A group that nothing may enter or leave until a rule says so. */
  securityGroup(id: string, description: string): ec2.SecurityGroup {
    return new ec2.SecurityGroup(this, id, { vpc: this.vpc, description, allowAllOutbound: false });
  }

  #createVpc({ logRetentionDays: logRetention, onDestroy, existingDatabase }: MigrationConfig): ec2.Vpc {
    const keeps = onDestroy === 'keep' && existingDatabase === null;
    const vpc = new ec2.Vpc(this, 'Vpc', {
      // RDS asks for subnets in two zones, whether it uses the second or not.
      maxAzs: 2,
      natGateways: 0,
      subnetConfiguration: [{ name: 'isolated', subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 24 }],
      // The default group lets its members speak to each other; taking that away would need a function of CDK's with
      // the right to change groups, and nothing here is a member.
      restrictDefaultSecurityGroup: false,
    });
    this.#logRefusals(vpc, logRetention);
    if (keeps) keepWithDatabase(vpc, ...vpc.isolatedSubnets);
    this.#storeEndpoint(
      vpc.vpcId,
      vpc.isolatedSubnets.map(({ routeTable }) => routeTable.routeTableId),
    );
    return vpc;
  }

  #findVpc({ id, availabilityZones, subnetIds, routeTableIds }: NonNullable<MigrationConfig['vpc']>) {
    const vpc = ec2.Vpc.fromVpcAttributes(this, 'Vpc', {
      vpcId: id,
      availabilityZones: [...availabilityZones],
      isolatedSubnetIds: [...subnetIds],
    });
    if (routeTableIds.length > 0) this.#storeEndpoint(id, [...routeTableIds]);
    return vpc;
  }

  /** What the security groups turned away: nothing, unless somebody knocks who should not. */
  #logRefusals(vpc: ec2.Vpc, retention: logs.RetentionDays): void {
    vpc.addFlowLog('Refusals', {
      trafficType: ec2.FlowLogTrafficType.REJECT,
      destination: ec2.FlowLogDestination.toCloudWatchLogs(
        new logs.LogGroup(this, 'RefusalsLog', { retention, removalPolicy: RemovalPolicy.DESTROY }),
      ),
    });
  }

  #storeEndpoint(vpcId: string, routeTableIds: string[]): void {
    new ec2.CfnVPCEndpoint(this, 'StoreEndpoint', {
      vpcEndpointType: 'Gateway',
      vpcId,
      serviceName: new ec2.GatewayVpcEndpointAwsService('s3').name,
      routeTableIds,
      policyDocument: this.#storePolicy,
    });
  }

  #openChroma(config: MigrationConfig): ec2.SecurityGroup {
    const clients = this.securityGroup('ChromaClients', 'Functions that read Chroma');
    const chroma = ec2.SecurityGroup.fromSecurityGroupId(this, 'Chroma', config.chromaSecurityGroupId!);
    const { port, protocol } = new URL(config.chromaUrl);
    const tcp = ec2.Port.tcp(Number(port) || (protocol === 'https:' ? 443 : 80));
    clients.connections.allowTo(chroma, tcp, 'The migration reads Chroma');
    if (config.chromaSecretArn) this.#openSecrets(clients);
    return clients;
  }

  /** The one thing here that is billed by the hour: without it, functions in the VPC could not read Chroma's token. */
  #openSecrets(clients: ec2.SecurityGroup): void {
    const group = this.securityGroup('SecretsEndpointGroup', 'The endpoint of Secrets Manager');
    clients.connections.allowTo(group, ec2.Port.HTTPS, "Chroma's token");
    new ec2.InterfaceVpcEndpoint(this, 'SecretsEndpoint', {
      vpc: this.vpc,
      subnets: this.subnets,
      service: ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
      securityGroups: [group],
      open: false,
    });
  }
}

/** A database that stays when the stack goes needs what it stands on: CloudFormation would fail to delete that. */
export function keepWithDatabase(...constructs: IConstruct[]): void {
  for (const one of constructs)
    (one.node.defaultChild as CfnResource).applyRemovalPolicy(RemovalPolicy.RETAIN);
}
