import { Observer } from '../aws/look.ts';
import { executionOptions, withDeployment } from '../aws/options.ts';
import { printLook } from '../aws/watch.ts';
import type { Command } from '../command-line/command.ts';
import { executionOutput } from '../output/schemas.ts';
import { outputOptions } from '../source-options.ts';

const options = { ...executionOptions, ...outputOptions };

export const status: Command<typeof options> = {
  name: 'status',
  summary: 'says how the last migration on AWS is',
  description:
    'One look at the last execution of the stack, or at the one that is named: its state, its shards and collections, and why it failed. The exit code is 1 if it did not succeed, and 0 while it is under way.',
  options,
  output: executionOutput,
  examples: ['chroma-to-pgvector status', 'chroma-to-pgvector status --stack Search --json'],
  run: (values) =>
    withDeployment(values, async (deployment) => {
      const observer = new Observer(deployment.executions, await deployment.execution(values));
      return printLook(await observer.look(), values.json);
    }),
};
