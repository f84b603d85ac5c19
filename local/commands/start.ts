import { awsOptions, withDeployment } from '../aws/options.ts';
import { startRun } from '../aws/start-run.ts';
import { printStarted, watchExecution } from '../aws/watch.ts';
import type { Command } from '../command-line/command.ts';
import { flag, integer, oneOf } from '../command-line/values.ts';
import { executionOutput } from '../output/schemas.ts';
import { outputOptions, requestOf, runOptions, selectionOptions } from '../source-options.ts';

const { run, onReject, sampleSize, takeOver } = runOptions;
const options = {
  ...awsOptions,
  watch: flag('follow it to its end'),
  ...selectionOptions,
  ...{ run, onReject, sampleSize, takeOver },
  concurrency: integer("shards that are moved at the same time; the stack's setting by default", {
    min: 1,
    max: 1000,
  }),
  tune: oneOf(
    ['apply', 'search', 'report', 'off'],
    "parameters to set: all, the database's search settings, none but reported, none; the stack's setting by default",
  ),
  allowReboot: flag('the database may be restarted for parameters that need it'),
  ...outputOptions,
};

export const start: Command<typeof options> = {
  name: 'start',
  summary: 'starts a migration on AWS',
  description:
    'Starts an execution of the deployed state machine with these options as its input. What is not said is as the stack was configured. A name of --run that was used before goes on where that run stopped.',
  options,
  output: executionOutput,
  examples: [
    'chroma-to-pgvector start --watch',
    'chroma-to-pgvector start --collections docs,notes --concurrency 16 --on-reject quarantine',
    'chroma-to-pgvector start --stack Search --region eu-central-1 --run nightly --json',
  ],
  run: (values) =>
    withDeployment(values, async (deployment) => {
      const { stateMachineArn } = await deployment.stack();
      const { allowReboot } = values;
      const request = { ...requestOf(values), ...(allowReboot && { allowReboot }) };
      const execution = await startRun(deployment.executions, stateMachineArn, request);
      if (values.watch) return watchExecution(deployment.executions, execution, values);
      return printStarted(deployment.executions, execution, values.json);
    }),
};
