import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as rds from 'aws-cdk-lib/aws-rds';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import type { MigrationConfig } from './config.ts';
import { keepWithDatabase } from './network.ts';
import { TargetDatabase, type TargetDatabaseProps, type TunableInstance } from './target-database.ts';

const VERSIONS: Record<MigrationConfig['postgresVersion'], rds.PostgresEngineVersion> = {
  '17': rds.PostgresEngineVersion.VER_17_9,
  '18': rds.PostgresEngineVersion.VER_18_3,
};

/**
 * The keys of the parameter group that this stack owns. The workflow writes other keys of the same group
 * (src/tune/recommend-settings.ts and lambdas/import-profile.ts have them); were one key in both sets, the next
 * deployment would undo the tuning.
 */
export const STATIC_PARAMETERS: Readonly<Record<string, string>> = {
  'rds.force_ssl': '1',
  shared_preload_libraries: 'pg_stat_statements',
  // Statements that a person waits for, not those of a load: a second and more.
  log_min_duration_statement: '1000',
};

export interface VectorDatabaseProps extends TargetDatabaseProps {
  readonly key: kms.IKey | null;
}

/** PostgreSQL on RDS, where `vector` is an extension to create. It outlives the stack unless told otherwise. */
export class VectorDatabase extends TargetDatabase {
  readonly host: string;
  readonly port: string;
  readonly securityGroup: ec2.SecurityGroup;
  readonly masterSecret: secretsmanager.ISecret;
  readonly tunable: TunableInstance;
  readonly isOwn = true;
  readonly storageGib: number;
  protected readonly resourceId: string;

  constructor(scope: Construct, id: string, props: VectorDatabaseProps) {
    super(scope, id, props);
    const { config, network } = props;
    this.securityGroup = network.securityGroup('Database', 'The database');
    if (config.onDestroy === 'keep') keepWithDatabase(this.securityGroup);
    network.databaseClients.connections.allowTo(
      this.securityGroup,
      ec2.Port.POSTGRES,
      'The migration functions',
    );
    const engine = rds.DatabaseInstanceEngine.postgres({ version: VERSIONS[config.postgresVersion] });
    const parameterGroup = new rds.ParameterGroup(this, 'Parameters', {
      engine,
      description: 'chroma-to-pgvector: static keys by the stack, tuned keys by the workflow',
      parameters: { ...STATIC_PARAMETERS },
      // An instance that stays needs its group, with what the workflow tuned in it.
      removalPolicy: removalOf(config),
    });
    const instance = this.#createInstance(props, engine, parameterGroup);
    this.storageGib = config.storageGib;
    this.host = instance.dbInstanceEndpointAddress;
    this.port = instance.dbInstanceEndpointPort;
    this.resourceId = instance.instanceResourceId!;
    this.masterSecret = instance.secret!;
    this.tunable = this.tunableInstance(
      instance.instanceIdentifier,
      parameterGroup.bindToInstance({}).parameterGroupName,
    );
  }

  #createInstance(
    { config, network, key }: VectorDatabaseProps,
    engine: rds.IInstanceEngine,
    parameterGroup: rds.ParameterGroup,
  ): rds.DatabaseInstance {
    const keep = config.onDestroy === 'keep';
    return new rds.DatabaseInstance(this, 'Instance', {
      engine,
      parameterGroup,
      instanceType: new ec2.InstanceType(config.instanceClass),
      multiAz: config.multiAz,
      vpc: network.vpc,
      vpcSubnets: network.subnets,
      securityGroups: [this.securityGroup],
      databaseName: config.databaseName,
      // RDS makes the password up, keeps it in Secrets Manager and changes it every week.
      credentials: rds.Credentials.fromUsername('postgres', key ? { encryptionKey: key } : {}),
      manageMasterUserPassword: true,
      iamAuthentication: true,
      // The newest of RDS's own authorities, good for a century; /var/runtime/ca-cert.pem knows it.
      caCertificate: rds.CaCertificate.RDS_CA_RDS2048_G1,
      storageType: rds.StorageType.GP3,
      storageEncrypted: true,
      ...(key && { storageEncryptionKey: key }),
      allocatedStorage: config.storageGib,
      maxAllocatedStorage: config.maxStorageGib,
      backupRetention: Duration.days(config.backupDays),
      copyTagsToSnapshot: true,
      enablePerformanceInsights: true,
      performanceInsightRetention: rds.PerformanceInsightRetention.DEFAULT,
      ...(key && { performanceInsightEncryptionKey: key }),
      cloudwatchLogsExports: ['postgresql', 'upgrade'],
      autoMinorVersionUpgrade: true,
      deletionProtection: keep,
      removalPolicy: removalOf(config),
    });
  }
}

const removalOf = ({ onDestroy }: MigrationConfig): RemovalPolicy =>
  onDestroy === 'keep' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
