import { executionOptions, withDeployment } from '../aws/options.ts';
import { watchExecution } from '../aws/watch.ts';
import type { Command } from '../command-line/command.ts';
import { executionOutput } from '../output/schemas.ts';
import { outputOptions } from '../source-options.ts';

const options = { ...executionOptions, ...outputOptions };

export const watch: Command<typeof options> = {
  name: 'watch',
  summary: 'follows a migration on AWS to its end',
  description:
    'Shows how many shards are done, how far an index is, how fast it goes and how much longer it takes, until the execution ends. Ctrl-C ends the watching, not the execution.',
  options,
  output: executionOutput,
  examples: [
    'chroma-to-pgvector watch',
    'chroma-to-pgvector watch --execution arn:aws:states:eu-central-1:111122223333:execution:Migration:nightly',
  ],
  run: (values) =>
    withDeployment(values, async (deployment) =>
      watchExecution(deployment.executions, await deployment.execution(values), values),
    ),
};
