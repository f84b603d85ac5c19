import type { z } from 'zod';
import type { Options, Values } from './options.ts';

/** Documented in `--help` and docs: what the process ends with. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface Command<O extends Options = Options> {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** A few sentences for the command's own help. */
  description: string;
  options: O;
  examples: string[];
  /** What it prints with `--json`; `schema COMMAND` publishes it. */
  output?: z.ZodType;
  run(values: Values<O>): Promise<ExitCode>;
}
