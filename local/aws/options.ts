/** Options that the commands for AWS share, and what they come to. */

import { openStore } from '../../src/store/open-store.ts';
import type { ShardStore } from '../../src/store/store.ts';
import type { Option, Values } from '../command-line/options.ts';
import { text } from '../command-line/values.ts';
import { type AwsClients, openAws } from './clients.ts';
import { ExecutionNotFound } from './errors.ts';
import { Executions } from './executions.ts';
import { DEFAULT_STACK, type DeployedStack, findStack } from './stack.ts';

const EXECUTION_ARN = /^arn:aws[\w-]*:states:([a-z0-9-]+):\d{12}:execution:[^:\s]+:[^:\s]+$/;

const executionArn = (help: string): Option<string> => ({
  value: 'ARN',
  help,
  parse: (given) => {
    if (!EXECUTION_ARN.test(given))
      throw new Error(
        `is '${given}' and must be an ARN like arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME`,
      );
    return given;
  },
});

export const awsOptions = {
  stack: text('NAME', `CloudFormation stack that was deployed; ${DEFAULT_STACK} by default`),
  region: text('REGION', "AWS region; the environment's or the profile's by default"),
};

export const executionOptions = {
  execution: executionArn('execution, as start and status print it; the last one of the stack by default'),
  ...awsOptions,
};

export type AwsValues = Values<typeof awsOptions>;
export type ExecutionValues = Values<typeof executionOptions>;

/** AWS as the options name it. */
export class Deployment {
  readonly executions: Executions;
  readonly #clients: AwsClients;
  readonly #stackName: string;
  readonly #region: string | undefined;

  private constructor(clients: AwsClients, stackName: string, region: string | undefined) {
    this.#clients = clients;
    this.#stackName = stackName;
    this.#region = region;
    this.executions = new Executions(clients);
  }

  /** An execution's ARN says in which region it is. */
  static async open({ stack, region, execution }: AwsValues & Partial<ExecutionValues>): Promise<Deployment> {
    const where = region ?? EXECUTION_ARN.exec(execution ?? '')?.[1];
    return new Deployment(await openAws(where), stack ?? DEFAULT_STACK, where);
  }

  /** @throws StackNotFound */
  stack(): Promise<DeployedStack> {
    return findStack(this.#clients, this.#stackName);
  }

  /** The execution that the options name, or the last one. @throws ExecutionNotFound */
  async execution({ execution }: ExecutionValues): Promise<string> {
    if (execution !== undefined) return execution;
    const { name, stateMachineArn } = await this.stack();
    const last = await this.executions.last(stateMachineArn);
    if (last?.executionArn) return last.executionArn;
    throw new ExecutionNotFound(
      `The stack ${name} has no execution yet: begin one with chroma-to-pgvector start.`,
    );
  }

  /** The bucket of plans, shards and reports. */
  async store(): Promise<ShardStore> {
    const { storeUrl } = await this.stack();
    const pathStyle = Boolean(process.env.AWS_ENDPOINT_URL_S3 || process.env.AWS_ENDPOINT_URL);
    return openStore(storeUrl, { pathStyle, ...(this.#region && { region: this.#region }) });
  }

  close(): void {
    this.#clients.close();
  }
}

/** Opens AWS, and closes it whatever becomes of the work. */
export async function withDeployment<T>(
  values: AwsValues & Partial<ExecutionValues>,
  work: (deployment: Deployment) => Promise<T>,
): Promise<T> {
  const deployment = await Deployment.open(values);
  try {
    return await work(deployment);
  } finally {
    deployment.close();
  }
}
