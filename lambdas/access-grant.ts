import { z } from 'zod';
import type { CreateDatabaseUserInput } from './create-database-user.ts';
import type { CustomResourceAnswer } from './custom-resource.ts';

/** What of AWS is needed. */
export interface SecretCourier {
  readSecret(secretArn: string): Promise<string | undefined>;
  invoke(
    functionName: string,
    input: CreateDatabaseUserInput,
  ): Promise<{ FunctionError?: string; Payload?: Uint8Array }>;
}

/** The custom resource's properties; CloudFormation makes text of everything. */
const Properties = z.object({
  SecretArn: z.string(),
  FunctionName: z.string(),
  User: z.string(),
  OwnsDatabase: z.stringbool(),
});
/** As RDS writes it, with more than these two. */
const Credentials = z.object({ username: z.string().min(1), password: z.string().min(1) });

/**
 * Isolated subnets lead neither to Secrets Manager nor from outside to the database: so the secret is read outside
 * and carried in, in a direct invocation, which no history and no log keeps.
 *
 * @throws Error whose message holds nothing of the secret
 */
export async function grantDatabaseAccess(
  courier: SecretCourier,
  properties: unknown,
): Promise<CustomResourceAnswer> {
  const { SecretArn, FunctionName, User, OwnsDatabase } = Properties.parse(properties);
  const credentials = readCredentials(await courier.readSecret(SecretArn), SecretArn);
  const answer = await courier.invoke(FunctionName, {
    ...credentials,
    user: User,
    ownsDatabase: OwnsDatabase,
  });
  if (answer.FunctionError)
    throw new Error(`The role ${User} could not be made: ${reasonOf(answer.Payload)}`);
  return { id: `role-${User}` };
}

function readCredentials(secret: string | undefined, arn: string): z.infer<typeof Credentials> {
  try {
    return Credentials.parse(JSON.parse(secret ?? ''));
  } catch {
    throw new Error(`The secret ${arn} must be a JSON object with username and password, and is not.`);
  }
}

function reasonOf(payload: Uint8Array | undefined): string {
  const { errorMessage } = JSON.parse(Buffer.from(payload ?? []).toString() || '{}') as {
    errorMessage?: string;
  };
  return errorMessage ?? 'the function ended without a word, see its log';
}
