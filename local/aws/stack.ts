import { type AwsClients, asked } from './clients.ts';
import { StackNotFound } from './errors.ts';

/** Name of the stack that `cdk deploy` makes. */
export const DEFAULT_STACK = 'ChromaToPgvector';

/** What the commands need of a deployed stack: its outputs. */
export interface DeployedStack {
  readonly name: string;
  readonly stateMachineArn: string;
  /** `s3://bucket` */
  readonly storeUrl: string;
}

/** @throws StackNotFound */
export async function findStack({ cloudFormation }: AwsClients, name: string): Promise<DeployedStack> {
  const outputs = await outputsOf(cloudFormation, name);
  const output = (key: string) => {
    const value = outputs.get(key);
    if (value === undefined)
      throw new StackNotFound(
        `The stack ${name} has no output ${key}, so it is not one of chroma-to-pgvector or is still being deployed: name another with --stack.`,
      );
    return value;
  };
  return { name, stateMachineArn: output('StateMachineArn'), storeUrl: output('StoreUrl') };
}

async function outputsOf(
  cloudFormation: AwsClients['cloudFormation'],
  name: string,
): Promise<Map<string, string>> {
  try {
    const { Stacks } = await cloudFormation.describeStacks({ StackName: name });
    const outputs = Stacks?.[0]?.Outputs ?? [];
    return new Map(outputs.map(({ OutputKey, OutputValue }) => [OutputKey ?? '', OutputValue ?? '']));
  } catch (error) {
    // CloudFormation has no name of its own for it.
    if (/does not exist/.test((error as Error).message))
      throw new StackNotFound(
        `There is no stack ${name} in this account and region: deploy it (npx cdk deploy), or name another with --stack or --region.`,
      );
    return asked(Promise.reject(error));
  }
}
