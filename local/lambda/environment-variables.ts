import type { LambdaDefinition } from './lambda-definition.ts';

/** What a process needs to run at all, and how it trusts a network's own certificate authority. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'NODE_EXTRA_CA_CERTS'];

const REGION = 'us-east-1';

/**
 * A function's environment: what its definition gives, what the runner puts in its place, what Lambda sets, and
 * of this process's own variables only a few and the AWS ones, since the store may be a bucket.
 *
 * @param overrides an empty value takes the variable away
 */
export function environmentVariables(
  { name, memoryMb, environment }: LambdaDefinition,
  overrides: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const inherited = Object.entries(own).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (INHERITED.includes(entry[0]) || entry[0].startsWith('AWS_')),
  );
  const all = {
    AWS_REGION: own.AWS_DEFAULT_REGION ?? REGION,
    ...Object.fromEntries(inherited),
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
    TZ: 'UTC',
    ...environment,
    ...overrides,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
}
