/** What can go wrong with AWS, each in one sentence with its remedy. */
import { InvalidInput, MigrationError } from '../../src/errors.ts';

/** No credentials, ones that have expired, or ones that may not do this. */
export class AwsRefused extends MigrationError {
  static override readonly errorName = 'AwsRefused';
}
/** AWS did not answer, or asks for patience. */
export class AwsUnavailable extends MigrationError {
  static override readonly errorName = 'AwsUnavailable';
}
/** There is no such stack, or it is not one of this program. */
export class StackNotFound extends MigrationError {
  static override readonly errorName = 'StackNotFound';
}
/** There is no such execution, or none at all. */
export class ExecutionNotFound extends MigrationError {
  static override readonly errorName = 'ExecutionNotFound';
}
/** The name of an execution is taken for 90 days. */
export class ExecutionExists extends MigrationError {
  static override readonly errorName = 'ExecutionExists';
}
/** The execution has succeeded, is under way, or ended too long ago. */
export class NotRedrivable extends MigrationError {
  static override readonly errorName = 'NotRedrivable';
}
/** The run has no report, or not yet. */
export class ReportMissing extends MigrationError {
  static override readonly errorName = 'ReportMissing';
}

const SIGN_IN = 'sign in again (aws sso login), or name another profile with AWS_PROFILE';

const SENTENCES: [RegExp, (said: string) => MigrationError][] = [
  [/^(ExpiredToken|RequestExpired)/, () => new AwsRefused(`The AWS credentials have expired: ${SIGN_IN}.`)],
  [
    /^(UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken)/,
    () => new AwsRefused(`AWS does not know the credentials that it was given: ${SIGN_IN}.`),
  ],
  [
    /^AccessDenied/,
    (said) => new AwsRefused(`AWS does not allow this (${said}): ask for the right, or ${SIGN_IN}.`),
  ],
  [
    /^ExecutionDoesNotExist/,
    (said) =>
      new ExecutionNotFound(`There is no such execution (${said}): status names the last one of the stack.`),
  ],
  [
    /^ExecutionAlreadyExists/,
    (said) => new ExecutionExists(`There was an execution of that name (${said}): use another name.`),
  ],
  [/^ExecutionNotRedrivable/, (said) => new NotRedrivable(notRedrivable(said))],
  [
    /^StateMachineDoesNotExist/,
    () => new StackNotFound('The state machine of the stack is gone: deploy the stack again.'),
  ],
  [
    /^(Throttling|TooManyRequests|RequestLimitExceeded|ServiceUnavailable|InternalFailure|InternalServer)/,
    (said) => new AwsUnavailable(`AWS asks for patience (${said}): try again in a minute.`),
  ],
];

/** What to do instead: the ledger knows what is in, whichever execution goes on. */
export const notRedrivable = (reason: string): string =>
  `The execution cannot be redriven (${reason}): start one with the same --run, which goes on where it stopped.`;

const NETWORK =
  /^(ECONN\w+|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPIPE|CERT_\w+|\w+_CERT\w*)$/;

/** The error as one of this program: a sentence that names the reason and the remedy. */
export function readableAwsError(error: unknown): MigrationError {
  if (error instanceof MigrationError) return error;
  const { name, message, code } = error as { name: string; message: string; code?: string };
  const said = message.replace(/\s+/g, ' ').replace(/\.$/, '');
  if (/Region is missing|Region not accepted/i.test(message))
    return new InvalidInput(
      'No AWS region is set, or none that there is: use --region, AWS_REGION, or a profile that has one.',
    );
  if (/^(CredentialsProviderError|TokenProviderError)$/.test(name))
    return /expired/i.test(message)
      ? new AwsRefused(`The AWS credentials have expired: ${SIGN_IN}.`)
      : new AwsRefused(
          'There are no AWS credentials here: sign in (aws sso login), name a profile with AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
        );
  if (name === 'TimeoutError' || (code !== undefined && NETWORK.test(code)))
    return new AwsUnavailable(`AWS does not answer (${said || code}): look at the network and the region.`);
  const sentence = SENTENCES.find(([names]) => names.test(name));
  return sentence ? sentence[1](said) : new AwsRefused(`AWS refuses this (${name}: ${said}).`);
}
