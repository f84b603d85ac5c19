import { join } from 'node:path';
import { styleText } from 'node:util';
import { InvalidInput } from '../../src/errors.ts';
import { type Command, EXIT, type ExitCode } from '../command-line/command.ts';
import { targetUrl } from '../command-line/values.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded-postgres/start.ts';
import { onInterrupt } from '../interrupt.ts';
import { runOutput } from '../output/schemas.ts';
import { printable, printableLines } from '../progress/progress-line.ts';
import { type FinishedMigration, runMigration } from '../run-migration.ts';
import { DEFAULT_STORE, newRunName } from '../run-name.ts';
import {
  outputOptions,
  requestOf,
  runOptions,
  selectionOptions,
  sourceOptions,
  targetOptions,
  uiOptions,
} from '../source-options.ts';
import { runJson, runSummary } from '../summary.ts';

const options = {
  ...sourceOptions,
  ...targetOptions,
  target: targetUrl(
    'address of the Postgres database; PGPASSWORD is its password if it has none; an embedded database in the store by default',
  ),
  ...runOptions,
  ...selectionOptions,
  ...uiOptions,
  ...outputOptions,
};

export const migrate: Command<typeof options> = {
  name: 'migrate',
  summary: 'moves collections from Chroma to Postgres, verifies them and publishes them',
  description:
    'Exports each collection in shards, imports them into incoming tables, builds the indexes, compares every record with what Chroma said, and only then puts the new tables in the place of the live ones. A run that failed or was stopped goes on with the same --run.',
  options,
  output: runOutput,
  examples: [
    'chroma-to-pgvector migrate --source http://localhost:8000 --target postgres://user@localhost/vectors',
    'chroma-to-pgvector migrate --source http://localhost:8000 --target postgres://user@localhost/vectors --collections docs --schema public',
    'chroma-to-pgvector migrate --source http://localhost:8000 --target postgres://user@localhost/vectors --layout langchain',
    'chroma-to-pgvector migrate --source https://chroma.example.com --source-header @token.txt --target postgres://user@db.example.com/vectors --run nightly --on-reject quarantine --json',
    'chroma-to-pgvector migrate --source http://localhost:8000 --target postgres://user@localhost/vectors --update-existing --delete-missing',
  ],
  async run(values) {
    const store = values.store ?? DEFAULT_STORE;
    const run = values.run ?? newRunName('run');
    const goOn = `the same command and --run ${run}`;
    const interrupt = onInterrupt(`go on with ${goOn}`);
    let embedded: EmbeddedPostgres | null = null;
    try {
      if (!values.target)
        embedded = await startEmbeddedPostgres({ folder: join(embeddedFolder(store), 'postgres') });
      const target = values.target ?? (embedded?.url as string);
      const request = requestOf(values);
      const finished = await runMigration({ ...values, target, store, run, request }, interrupt);
      printRun(finished, values.json, goOn);
      return exitCodeOf(finished);
    } finally {
      interrupt.release();
      await embedded?.stop();
    }
  },
};

/** Input that only a look at the source can find wrong is as wrong as any. */
const exitCodeOf = ({ report: { status, error } }: FinishedMigration): ExitCode => {
  if (status === 'succeeded') return EXIT.done;
  return error?.name === InvalidInput.errorName ? EXIT.usage : EXIT.failed;
};

export function printRun(
  { report, reportUrl, storeUrl }: FinishedMigration,
  json: true | undefined,
  goOn: string | null,
): void {
  const paths = { report: reportUrl, store: storeUrl };
  if (json) process.stdout.write(`${JSON.stringify(runJson(report, paths))}\n`);
  else process.stdout.write(`${coloured(printableLines(runSummary(report, paths, goOn)), report.status)}\n`);
  if (report.error) process.stderr.write(`${printable(report.error.message)}\n`);
}

/** The first line says how it ended; in colours where the terminal has them (NO_COLOR: none). */
function coloured(summary: string, status: 'succeeded' | 'failed'): string {
  const [first = '', ...rest] = summary.split('\n');
  const colour = status === 'succeeded' ? 'green' : 'red';
  return [styleText(['bold', colour], first, { stream: process.stdout }), ...rest].join('\n');
}

/** An embedded database needs a folder of this machine, wherever the shards lie. */
const embeddedFolder = (store: string) => (/^s3:/.test(store) ? DEFAULT_STORE : store);
