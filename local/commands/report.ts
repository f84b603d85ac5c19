import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { RunReport } from '../../src/report/report.ts';
import { readJson } from '../../src/store/json.ts';
import { keys } from '../../src/store/keys.ts';
import { ReportMissing } from '../aws/errors.ts';
import { Observer } from '../aws/look.ts';
import { openInBrowser } from '../aws/open-in-browser.ts';
import { type Deployment, type ExecutionValues, executionOptions, withDeployment } from '../aws/options.ts';
import { type Command, EXIT } from '../command-line/command.ts';
import { flag, runName, text } from '../command-line/values.ts';
import { runOutput } from '../output/schemas.ts';
import { printableLines } from '../progress/progress-line.ts';
import { DEFAULT_STORE } from '../run-name.ts';
import { outputOptions } from '../source-options.ts';
import { runJson, runSummary } from '../summary.ts';

const options = {
  run: runName("name of the run; the last execution's by default"),
  open: flag('open the HTML report in the browser'),
  output: text('FILE', `where the HTML report is written; ${DEFAULT_STORE}/runs/RUN/report.html by default`),
  ...executionOptions,
  ...outputOptions,
};

export const report: Command<typeof options> = {
  name: 'report',
  summary: 'fetches the report of a migration on AWS',
  description:
    'Prints what arrived and how it is known, and leaves the HTML report, with its plots and every detail, on this machine. The exit code is 1 if the run did not succeed.',
  options,
  output: runOutput,
  examples: [
    'chroma-to-pgvector report --open',
    'chroma-to-pgvector report --run nightly --output nightly.html',
    'chroma-to-pgvector report --json',
  ],
  run: (values) =>
    withDeployment(values, async (deployment) => {
      const run = values.run ?? (await runOf(deployment, values));
      const store = await deployment.store();
      const [found, html] = await Promise.all([
        readJson<RunReport>(store, keys.reportJson(run)),
        store.readText(keys.reportHtml(run)),
      ]);
      if (found === null || html === null)
        throw new ReportMissing(
          `The run ${run} has no report in ${store.url}: it is written at the run's end, and status says how far that is.`,
        );
      const file = resolve(values.output ?? join(DEFAULT_STORE, keys.reportHtml(run)));
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, html);
      const paths = { report: file, store: store.url };
      if (values.json) process.stdout.write(`${JSON.stringify(runJson(found, paths))}\n`);
      else
        process.stdout.write(`${printableLines(runSummary(found, paths, 'chroma-to-pgvector redrive'))}\n`);
      if (values.open) await openInBrowser(file);
      return found.status === 'succeeded' ? EXIT.done : EXIT.failed;
    }),
};

async function runOf(deployment: Deployment, values: ExecutionValues): Promise<string> {
  const observer = new Observer(deployment.executions, await deployment.execution(values));
  const { run, name } = await observer.look();
  if (run !== null) return run;
  throw new ReportMissing(`The execution ${name} has no name that a run may have: name one with --run.`);
}
