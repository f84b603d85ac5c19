import { ArnFormat, Stack } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { MigrationConfig } from './config.ts';
import type { Network } from './network.ts';

export interface TargetDatabaseProps {
  readonly config: MigrationConfig;
  readonly network: Network;
}

/** An instance whose parameters the workflow may change. */
export interface TunableInstance {
  readonly instanceIdentifier: string;
  readonly instanceArn: string;
  readonly parameterGroupName: string;
  readonly parameterGroupArn: string;
}

/**
 * Where the collections arrive, made by the stack or there already.
 *
 * Functions connect as `user` with IAM authentication: the token is signed locally, no password exists for
 * them. The master user makes that role once (see DatabaseAccess).
 */
export abstract class TargetDatabase extends Construct {
  readonly user: string;
  readonly databaseName: string;
  abstract readonly host: string;
  abstract readonly port: string;
  abstract readonly securityGroup: ec2.ISecurityGroup;
  abstract readonly masterSecret: secretsmanager.ISecret;
  /** Null: only the database's own search settings are set. */
  abstract readonly tunable: TunableInstance | null;
  /** GiB of disk that there are at least; null where nobody says. */
  abstract readonly storageGib: number | null;
  /** Whether the database was made for the migration. */
  abstract readonly isOwn: boolean;
  /** As IAM knows it. */
  protected abstract readonly resourceId: string;

  constructor(scope: Construct, id: string, { config }: TargetDatabaseProps) {
    super(scope, id);
    this.user = config.databaseUser;
    this.databaseName = config.databaseName;
  }

  /** Lets the grantee connect as the migration's user and as nobody else. */
  grantConnect(grantee: iam.IGrantable): void {
    const { resourceId, user } = this;
    const arn = this.#arn('rds-db', 'dbuser', `${resourceId}/${user}`);
    iam.Grant.addToPrincipal({ grantee, actions: ['rds-db:connect'], resourceArns: [arn] });
  }

  protected tunableInstance(instanceIdentifier: string, parameterGroupName: string): TunableInstance {
    return {
      instanceIdentifier,
      instanceArn: this.#arn('rds', 'db', instanceIdentifier),
      parameterGroupName,
      parameterGroupArn: this.#arn('rds', 'pg', parameterGroupName),
    };
  }

  #arn(service: string, resource: string, resourceName: string): string {
    return Stack.of(this).formatArn({
      service,
      resource,
      resourceName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  }
}
