import { CustomResource, Duration } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { StepFunction } from './step-function.ts';
import type { TargetDatabase, TargetDatabaseProps } from './target-database.ts';

export interface DatabaseAccessProps extends TargetDatabaseProps {
  readonly database: TargetDatabase;
}

/**
 * Makes the migration's role in the database, at deployment. The master user's password lies in Secrets Manager,
 * where isolated subnets do not lead, so one function reads it outside and hands it to another inside, in a direct
 * invocation. Not in the state machine, whose history would keep it.
 */
export class DatabaseAccess extends Construct {
  readonly functions: readonly StepFunction[];

  constructor(scope: Construct, id: string, { config, network, database }: DatabaseAccessProps) {
    super(scope, id);
    const common = { timeout: Duration.minutes(2), logRetention: config.logRetentionDays };
    const create = new StepFunction(this, 'Create', {
      ...common,
      step: 'create-database-user',
      description: "Makes the migration's role in the database.",
      memorySize: 256,
      placement: { network, securityGroup: network.databaseClients },
    }).nameDatabase(database);
    const grant = new StepFunction(this, 'Grant', {
      ...common,
      step: 'grant-database-access',
      description: "Hands the master user's secret to the function that makes the migration's role.",
      memorySize: 256,
      // It waits for the other one.
      timeout: Duration.minutes(4),
    });
    this.functions = [create, grant];
    this.#permit(grant, create, database);

    const access = new CustomResource(this, 'Access', {
      resourceType: 'Custom::DatabaseAccess',
      serviceToken: grant.function.functionArn,
      serviceTimeout: Duration.minutes(10),
      properties: {
        SecretArn: database.masterSecret.secretArn,
        FunctionName: create.function.functionName,
        User: database.user,
        OwnsDatabase: String(database.isOwn),
      },
    });
    // The roles' policies and the security groups' rules are resources of their own.
    access.node.addDependency(grant, create, database, network);
  }

  #permit(grant: StepFunction, create: StepFunction, { masterSecret }: TargetDatabase): void {
    const allow = (action: string, resource: string) =>
      grant.function.addToRolePolicy(new iam.PolicyStatement({ actions: [action], resources: [resource] }));
    // The grant methods of CDK give more: all versions' functions, and to describe the secret.
    allow('lambda:InvokeFunction', create.function.functionArn);
    allow('secretsmanager:GetSecretValue', masterSecret.secretArn);
    if (masterSecret.encryptionKey) allow('kms:Decrypt', masterSecret.encryptionKey.keyArn);
  }
}
