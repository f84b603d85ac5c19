/**
 * The clients of the AWS SDK that Lambda's Node runtime brings along and a few functions use once: they are not
 * bundled, so what is used of them is declared here.
 */
declare module '@aws-sdk/client-secrets-manager' {
  export class SecretsManagerClient {
    send(command: GetSecretValueCommand): Promise<{ SecretString?: string }>;
  }
  export class GetSecretValueCommand {
    constructor(input: { SecretId: string });
  }
}

declare module '@aws-sdk/client-lambda' {
  export class LambdaClient {
    send(command: InvokeCommand): Promise<{ FunctionError?: string; Payload?: Uint8Array }>;
  }
  export class InvokeCommand {
    constructor(input: { FunctionName: string; Payload: Uint8Array });
  }
}

declare module '@aws-sdk/client-ec2' {
  export class EC2Client {
    send(
      command: DescribeManagedPrefixListsCommand,
    ): Promise<{ PrefixLists?: { PrefixListId?: string; PrefixListName?: string }[] }>;
  }
  export class DescribeManagedPrefixListsCommand {
    constructor(input: { Filters: { Name: string; Values: string[] }[] });
  }
}

declare module '@aws-sdk/client-rds' {
  export class RDSClient {
    constructor(config: { maxAttempts: number; retryMode: 'adaptive' });
    send(command: ModifyDBParameterGroupCommand): Promise<unknown>;
  }
  export class ModifyDBParameterGroupCommand {
    constructor(input: {
      DBParameterGroupName: string;
      Parameters: {
        ParameterName: string;
        ParameterValue: string;
        ApplyMethod: 'immediate' | 'pending-reboot';
      }[];
    });
  }
}

declare module '@aws-sdk/client-sns' {
  export class SNSClient {
    send(command: PublishCommand): Promise<unknown>;
  }
  export class PublishCommand {
    constructor(input: { TopicArn: string; Message: string });
  }
}
