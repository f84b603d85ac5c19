import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { grantDatabaseAccess } from './access-grant.ts';
import { answerCloudFormation, type CustomResourceEvent } from './custom-resource.ts';
import { step } from './step.ts';

/** Reads the master user's secret and hands it to the function in the VPC, once at deployment. */
export const handler = step(
  (event: CustomResourceEvent): Promise<void> =>
    answerCloudFormation(event, ({ ResourceProperties }) =>
      grantDatabaseAccess(
        {
          async readSecret(SecretId) {
            return (await new SecretsManagerClient().send(new GetSecretValueCommand({ SecretId })))
              .SecretString;
          },
          invoke: (FunctionName, input) =>
            new LambdaClient().send(
              new InvokeCommand({ FunctionName, Payload: Buffer.from(JSON.stringify(input)) }),
            ),
        },
        ResourceProperties,
      ),
    ),
);
