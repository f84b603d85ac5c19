import { z } from 'zod';
import { RUN_NAME } from '../src/contract.ts';
import type { About } from './step.ts';

/** What EventBridge sends of an execution that has ended, as far as it is read. */
const ExecutionEnded = z.object({
  detail: z.object({
    name: z.string(),
    status: z.string(),
    /** Null if it is larger than an event may be. */
    input: z.string().nullish(),
    error: z.string().nullish(),
    cause: z.string().nullish(),
  }),
});

export interface ExecutionEnd {
  /** As Plan names it: by the input, or else by the execution. Null if that is no name of a run. */
  run: string | null;
  status: string;
  error: string | null;
  cause: string | null;
}

/** For the log of a function that EventBridge calls. */
export function aboutExecutionEnd(event: unknown): About {
  const { run } = readExecutionEnd(event);
  return run === null ? {} : { run };
}

export function readExecutionEnd(event: unknown): ExecutionEnd {
  const { name, status, input, error, cause } = ExecutionEnded.parse(event).detail;
  const said: unknown = input ? JSON.parse(input) : {};
  const run = said !== null && typeof said === 'object' && 'run' in said ? said.run : name;
  return {
    run: typeof run === 'string' && RUN_NAME.test(run) ? run : null,
    status,
    error: error ?? null,
    cause: cause ?? null,
  };
}
