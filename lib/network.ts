import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

/**
 * Where the database and the functions that talk to it live: isolated subnets, which have no way out but the
 * gateway endpoint to S3. A gateway endpoint costs nothing; NAT gateways and interface endpoints are billed by
 * the hour, and nothing here needs one: IAM tokens are signed locally, logs and traces of functions in a VPC
 * do not pass through it.
 */
export class Network extends Construct {
  readonly vpc: ec2.IVpc;
  readonly subnets: ec2.SubnetSelection = { subnetType: ec2.SubnetType.PRIVATE_ISOLATED };
  readonly databaseSecurityGroup: ec2.SecurityGroup;
  readonly functionSecurityGroup: ec2.SecurityGroup;
  readonly #storeEndpoint: ec2.GatewayVpcEndpoint;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const vpc = new ec2.Vpc(this, 'Vpc', {
      // RDS asks for subnets in two zones, whether it uses the second or not.
      maxAzs: 2,
      natGateways: 0,
      subnetConfiguration: [{ name: 'isolated', subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 24 }],
    });
    this.vpc = vpc;
    this.#storeEndpoint = vpc.addGatewayEndpoint('StoreEndpoint', {
      service: ec2.GatewayVpcEndpointAwsService.S3,
    });
    this.databaseSecurityGroup = this.#securityGroup('DatabaseSecurityGroup', 'The database');
    this.functionSecurityGroup = this.#securityGroup(
      'FunctionSecurityGroup',
      'Functions that use the database',
    );
    this.#openPaths();
  }

  /** Lets the endpoint pass requests for this bucket only, so that nothing leaves for anybody else's. */
  limitStoreEndpointTo(bucket: s3.IBucket): void {
    this.#storeEndpoint.addToPolicy(
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

  #openPaths(): void {
    this.functionSecurityGroup.connections.allowTo(
      this.databaseSecurityGroup,
      ec2.Port.POSTGRES,
      'The migration functions',
    );
    // S3 has no address known at synthesis (its prefix list differs by region), so the rule names the port;
    // isolated subnets have a route to S3's gateway endpoint only, so S3 is all that it opens.
    this.functionSecurityGroup.addEgressRule(
      ec2.Peer.anyIpv4(),
      ec2.Port.HTTPS,
      'S3 through its gateway endpoint',
    );
  }

  #securityGroup(id: string, description: string): ec2.SecurityGroup {
    return new ec2.SecurityGroup(this, id, { vpc: this.vpc, description, allowAllOutbound: false });
  }
}
