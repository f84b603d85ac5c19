import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { TargetDatabase, type TargetDatabaseProps, type TunableInstance } from './target-database.ts';

/** A database on RDS or Aurora that is there already. Of it, only the security group gets a rule. */
export class ExistingDatabase extends TargetDatabase {
  readonly host: string;
  readonly port: string;
  readonly securityGroup: ec2.ISecurityGroup;
  readonly masterSecret: secretsmanager.ISecret;
  readonly tunable: TunableInstance | null;
  readonly isOwn = false;
  readonly storageGib = null;
  protected readonly resourceId: string;

  constructor(scope: Construct, id: string, props: TargetDatabaseProps) {
    super(scope, id, props);
    const existing = props.config.existingDatabase!;
    this.host = existing.endpoint;
    this.port = String(existing.port);
    this.resourceId = existing.resourceId;
    this.securityGroup = ec2.SecurityGroup.fromSecurityGroupId(this, 'Group', existing.securityGroupId);
    this.masterSecret = secretsmanager.Secret.fromSecretCompleteArn(this, 'Secret', existing.secretArn);
    const { instanceIdentifier, parameterGroup } = existing;
    this.tunable =
      instanceIdentifier && parameterGroup ? this.tunableInstance(instanceIdentifier, parameterGroup) : null;
    props.network.databaseClients.connections.allowTo(
      this.securityGroup,
      ec2.Port.tcp(existing.port),
      'The migration functions',
    );
  }
}
