import type { CloudFormation } from '@aws-sdk/client-cloudformation';
import type { SFN } from '@aws-sdk/client-sfn';
import { readableAwsError } from './errors.ts';

/** What the commands speak with, by the SDK's own chain of credentials, profile and endpoints. */
export interface AwsClients {
  readonly cloudFormation: CloudFormation;
  readonly sfn: SFN;
  close(): void;
}

/** @param region of the environment or the profile if it is undefined */
export async function openAws(region: string | undefined): Promise<AwsClients> {
  // Loaded only here: the other commands should not wait for the SDK.
  const [{ CloudFormation }, { SFN }] = await Promise.all([
    import('@aws-sdk/client-cloudformation'),
    import('@aws-sdk/client-sfn'),
  ]);
  const config = region === undefined ? {} : { region };
  const [cloudFormation, sfn] = [new CloudFormation(config), new SFN(config)];
  return {
    cloudFormation,
    sfn,
    close: () => {
      cloudFormation.destroy();
      sfn.destroy();
    },
  };
}

/** What AWS answers. @throws MigrationError with one sentence if it does not */
export async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw readableAwsError(error);
  }
}
