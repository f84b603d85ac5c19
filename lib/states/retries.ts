import { Duration } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { THROTTLING_ERRORS, TRANSIENT_ERRORS } from '../../src/errors.ts';

/** Lambda itself could not serve the call. https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html */
export const LAMBDA_SERVICE_ERRORS = [
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.ClientExecutionTimeoutException',
];

/**
 * Lambda has no room now. ResourceNotReadyException: a function in a VPC that nobody called for weeks has lost
 * its network interface and takes a minute to get another, which is how most migrations begin.
 */
export const LAMBDA_BUSY_ERRORS = [
  'Lambda.TooManyRequestsException',
  'Lambda.ResourceNotReadyException',
  'Lambda.EC2ThrottledException',
];

/**
 * The function's process ended before it answered: past its time-out, killed, out of memory. Lambda.Unknown is
 * what Step Functions says when Lambda names no type. States.Timeout: no answer within the state's own time-out.
 */
export const LAMBDA_KILLED_ERRORS = [
  'Lambda.Unknown',
  'Sandbox.Timedout',
  'Runtime.ExitError',
  'Runtime.OutOfMemory',
  'States.Timeout',
];

/** RDS is busy with another change of the instance or its parameter group, or throttles (the generic RdsException). */
export const RDS_ERRORS = [
  'Rds.InvalidDbInstanceStateException',
  'Rds.InvalidDbParameterGroupStateException',
  'Rds.RdsException',
  'Rds.SdkClientException',
];

// With full jitter each wait is drawn from 0 to the figure, so that a thousand children which failed together do
// not come back together.
const FULL_JITTER = { backoffRate: 2, jitterStrategy: sfn.JitterType.FULL };

/** Waits up to 2, 4, 8, 16, 32, 60, 60, 60 s: four minutes at most, which a failover of RDS (one to two) fits in. */
const TRANSIENT: sfn.RetryProps = {
  errors: [...TRANSIENT_ERRORS, ...LAMBDA_SERVICE_ERRORS],
  interval: Duration.seconds(2),
  maxAttempts: 8,
  maxDelay: Duration.seconds(60),
  ...FULL_JITTER,
};

/**
 * Waits up to 1, 2, 4 s. For the first word with Chroma and with the database: a wrong address looks just like a
 * server that is down, and somebody sits and waits for the answer.
 */
const FIRST_CONTACT: sfn.RetryProps = {
  errors: [...TRANSIENT_ERRORS, ...LAMBDA_SERVICE_ERRORS],
  interval: Duration.seconds(1),
  maxAttempts: 3,
  maxDelay: Duration.seconds(4),
  ...FULL_JITTER,
};

/** Waits up to 20, 40, 80, 160, 300, 300 s: 15 minutes at most. Who was told to come later gains nothing by coming soon. */
const THROTTLED: sfn.RetryProps = {
  errors: [...THROTTLING_ERRORS, ...LAMBDA_BUSY_ERRORS],
  interval: Duration.seconds(20),
  maxAttempts: 6,
  maxDelay: Duration.minutes(5),
  ...FULL_JITTER,
};

/** Waits up to 5, 10, 20 s. Few, since what ran out of time or memory once will do so again: 15 minutes each. */
const KILLED: sfn.RetryProps = {
  errors: LAMBDA_KILLED_ERRORS,
  interval: Duration.seconds(5),
  maxAttempts: 3,
  maxDelay: Duration.seconds(20),
  ...FULL_JITTER,
};

export const STEP_RETRIES = [TRANSIENT, THROTTLED, KILLED];
export const FIRST_CONTACT_RETRIES = [FIRST_CONTACT, THROTTLED, KILLED];

/** Waits up to 10, 20, 40, 60, 60, 60, 60, 60 s: six minutes at most, in which a change of an instance settles. */
export const RDS_RETRIES: sfn.RetryProps[] = [
  {
    errors: [...RDS_ERRORS, 'States.Timeout'],
    interval: Duration.seconds(10),
    maxAttempts: 8,
    maxDelay: Duration.seconds(60),
    ...FULL_JITTER,
  },
];
