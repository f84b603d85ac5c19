import { executionOptions, withDeployment } from '../aws/options.ts';
import { printStarted, watchExecution } from '../aws/watch.ts';
import type { Command } from '../command-line/command.ts';
import { flag } from '../command-line/values.ts';
import { executionOutput } from '../output/schemas.ts';
import { outputOptions } from '../source-options.ts';

const options = { watch: flag('follow it to its end'), ...executionOptions, ...outputOptions };

export const redrive: Command<typeof options> = {
  name: 'redrive',
  summary: 'runs the failed shards of a migration on AWS again, and nothing else',
  description:
    'An execution that failed, was stopped or ran out of time goes on from what did not succeed, within 14 days of its end. Shards that are in are not moved again.',
  options,
  output: executionOutput,
  examples: [
    'chroma-to-pgvector redrive --watch',
    'chroma-to-pgvector redrive --execution arn:aws:states:eu-central-1:111122223333:execution:Migration:nightly',
  ],
  run: (values) =>
    withDeployment(values, async (deployment) => {
      const { executions } = deployment;
      const execution = await deployment.execution(values);
      await executions.redrive(execution);
      if (values.watch) return watchExecution(executions, execution, values);
      return printStarted(executions, execution, values.json);
    }),
};
