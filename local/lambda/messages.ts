/** What an environment's process and its pool say to each other over Node's IPC channel. */
import type { LambdaErrorBody } from './lambda-error.ts';

export interface Invocation {
  requestId: string;
  /** The event in JSON. */
  payload: string;
  /** Milliseconds since 1970. */
  deadline: number;
}

export type Answer =
  /** The handler is loaded. */
  | { type: 'ready' }
  | { type: 'result'; requestId: string; payload: string }
  /** `requestId` is null if loading the handler failed, after which the process ends. */
  | { type: 'error'; requestId: string | null; body: LambdaErrorBody };
