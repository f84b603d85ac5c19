import { StateFailure } from '../state-machine/errors.ts';

/** What Lambda answers when a function fails. */
export interface LambdaErrorBody {
  errorType: string;
  errorMessage: string;
  trace?: string[];
}

/** A failed invocation as Step Functions hands it on: the type is the error's name, the body is its cause. */
export class LambdaError extends StateFailure {
  constructor(body: LambdaErrorBody) {
    super(body.errorType, JSON.stringify(body));
  }
}

/** The environment used more memory than its function has. */
export const outOfMemory = (requestId: string, memoryMb: number) =>
  new LambdaError({
    errorType: 'Runtime.OutOfMemory',
    errorMessage: `RequestId: ${requestId} Error: The function used more than its ${memoryMb} MB of memory`,
  });

/** The function did not answer within its time-out. */
export const timedOut = (requestId: string, seconds: number) =>
  new LambdaError({
    errorType: 'Sandbox.Timedout',
    errorMessage: `RequestId: ${requestId} Error: Task timed out after ${seconds.toFixed(2)} seconds`,
  });

/** The environment's process ended before it answered. */
export const exited = (requestId: string, how: string) =>
  new LambdaError({
    errorType: 'Runtime.ExitError',
    errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: ${how}`,
  });

/** Request and response of an invocation: 6 MB. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const PAYLOAD_BYTES = 6 * 1024 * 1024;

export const requestTooLarge = (bytes: number) =>
  new LambdaError({
    errorType: 'Lambda.RequestTooLargeException',
    errorMessage: `Request must be smaller than ${PAYLOAD_BYTES} bytes for the InvokeFunction operation, not ${bytes}`,
  });

export const responseTooLarge = (bytes: number) =>
  new LambdaError({
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: `Response payload size (${bytes} bytes) exceeded maximum allowed payload size (${PAYLOAD_BYTES} bytes).`,
  });

/**
 * Name and message of a failure for a person. A function's failure has Lambda's JSON as its cause; any other
 * cause is text already. What this program's own errors say is a sentence; what Lambda and Step Functions say of
 * themselves is made one.
 */
export function readableFailure({ error, cause, state }: Pick<StateFailure, 'error' | 'cause' | 'state'>): {
  error: string;
  cause: string;
} {
  const said = messageOf(cause);
  if (!/^(Runtime|Sandbox|Lambda|States)\./.test(error) || /: go on with/.test(said))
    return { error, cause: said };
  const why = said.replace(/^RequestId: \S* Error: /, '').replace(/\.$/, '');
  const often =
    error === 'Runtime.OutOfMemory' ? 'lower --shard-bytes if it stays' : 'look at both servers if it stays';
  return {
    error,
    cause: `The state ${state ?? 'of the execution'} could not be run to its end (${why}): go on with the same --run, and ${often}.`,
  };
}

function messageOf(cause: string): string {
  try {
    const body = JSON.parse(cause) as Partial<LambdaErrorBody> | null;
    return typeof body?.errorMessage === 'string' ? body.errorMessage : cause;
  } catch {
    return cause;
  }
}
