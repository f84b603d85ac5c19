import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import * as rds from 'aws-cdk-lib/aws-rds';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { MigrationConfig } from './config.ts';
import type { Network } from './network.ts';

const POSTGRES = rds.DatabaseInstanceEngine.postgres({ version: rds.PostgresEngineVersion.VER_17_9 });

/**
 * The keys of the parameter group that this stack owns. The workflow's Tune state writes other keys of the same
 * group; were one key in both sets, the next deployment would undo the tuning.
 */
export const STATIC_PARAMETERS: Readonly<Record<string, string>> = {
  'rds.force_ssl': '1',
  shared_preload_libraries: 'pg_stat_statements',
};

export interface VectorDatabaseProps {
  readonly config: MigrationConfig;
  readonly network: Network;
}

/**
 * PostgreSQL on RDS, where `vector` is an extension to create. It outlives the stack.
 *
 * Functions connect as `user` with IAM authentication: the token is signed locally, no password exists for
 * them. The master user has to grant `rds_iam` to `user` once; its password lies in `masterSecret`, which
 * isolated subnets cannot reach, so whoever does it stands outside of them.
 */
export class VectorDatabase extends Construct {
  readonly user: string;
  readonly databaseName: string;
  readonly host: string;
  readonly port: string;
  readonly instanceIdentifier: string;
  readonly instanceArn: string;
  readonly parameterGroupName: string;
  readonly parameterGroupArn: string;
  readonly masterSecret: secretsmanager.ISecret;
  readonly #instance: rds.DatabaseInstance;

  constructor(scope: Construct, id: string, props: VectorDatabaseProps) {
    super(scope, id);
    const parameterGroup = new rds.ParameterGroup(this, 'Parameters', {
      engine: POSTGRES,
      description: 'chroma-to-pgvector: static keys by the stack, tuned keys by the workflow',
      parameters: { ...STATIC_PARAMETERS },
    });
    this.#instance = this.#createInstance(props, parameterGroup);
    this.user = props.config.databaseUser;
    this.databaseName = props.config.databaseName;
    this.host = this.#instance.dbInstanceEndpointAddress;
    this.port = this.#instance.dbInstanceEndpointPort;
    this.instanceIdentifier = this.#instance.instanceIdentifier;
    this.instanceArn = this.#instance.instanceArn;
    this.parameterGroupName = parameterGroup.bindToInstance({}).parameterGroupName;
    this.parameterGroupArn = Stack.of(this).formatArn({
      service: 'rds',
      resource: 'pg',
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      resourceName: this.parameterGroupName,
    });
    this.masterSecret = this.#instance.secret!;
  }

  /** Lets the grantee connect as the migration's user and as nobody else. */
  grantConnect(grantee: iam.IGrantable): void {
    this.#instance.grantConnect(grantee, this.user);
  }

  #createInstance({ config, network }: VectorDatabaseProps, parameterGroup: rds.ParameterGroup) {
    return new rds.DatabaseInstance(this, 'Instance', {
      engine: POSTGRES,
      parameterGroup,
      instanceType: new ec2.InstanceType(config.instanceClass),
      vpc: network.vpc,
      vpcSubnets: network.subnets,
      securityGroups: [network.databaseSecurityGroup],
      databaseName: config.databaseName,
      credentials: rds.Credentials.fromGeneratedSecret('postgres'),
      iamAuthentication: true,
      storageType: rds.StorageType.GP3,
      storageEncrypted: true,
      allocatedStorage: config.storageGib,
      maxAllocatedStorage: config.maxStorageGib,
      backupRetention: Duration.days(7),
      copyTagsToSnapshot: true,
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}
