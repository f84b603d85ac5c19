/**
 * Quotas of Step Functions, Standard workflows.
 * https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
import { DataLimitExceeded } from './errors.ts';
import { bytesOf, type Json } from './json.ts';

/** A state's input or output, a task's arguments and result, what one Assign stores: 256 KiB of UTF-8. */
export const PAYLOAD_BYTES = 262_144;
/** All variables of an execution together. */
export const VARIABLES_BYTES = 10 * 1024 * 1024;
/** Events of an execution's history, its end included. */
export const HISTORY_EVENTS = 25_000;
export const DISTRIBUTED_CONCURRENCY = 10_000;
/** Iterations of an inline Map that run at once, whatever MaxConcurrency says. */
export const INLINE_CONCURRENCY = 40;
/** Waits and time-outs in seconds. */
export const LONGEST_SECONDS = 99_999_999;
export const STATE_NAME_LENGTH = 80;
export const LABEL_LENGTH = 40;

/** @throws DataLimitExceeded */
export function checkPayload(what: string, value: Json, limit: number = PAYLOAD_BYTES): void {
  const bytes = bytesOf(value);
  if (bytes > limit) throw new DataLimitExceeded(what, bytes, limit);
}
