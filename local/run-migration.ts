import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { WriteReportInput } from '../src/contract.ts';
import type { Log } from '../src/log.ts';
import type { MigrationRequest } from '../src/migration-input.ts';
import type { RunReport } from '../src/report/report.ts';
import { collectReport, type ReportContext, writeReport } from '../src/report/write-report.ts';
import { keys } from '../src/store/keys.ts';
import { openStore } from '../src/store/open-store.ts';
import type { ShardStore } from '../src/store/store.ts';
import { readAssembly } from './assembly.ts';
import { consoleLog } from './console-log.ts';
import type { Interrupt, Interrupted } from './interrupt.ts';
import { localMemory } from './local-memory.ts';
import { preflight } from './preflight.ts';
import { Progress } from './progress/progress.ts';
import { ProgressDisplay, printable, writeLine } from './progress/progress-line.ts';
import { PostgresRdsAdapter } from './rds-adapter.ts';
import { type ExecutionEvent, type ExecutionResult, runExecution } from './run-execution.ts';
import { openSource, openTarget, type SourceValues, type TargetValues } from './source-options.ts';
import { RunView } from './ui/run-view.ts';
import { startUi } from './ui/server.ts';

export type MigrationSettings = SourceValues &
  TargetValues & {
    /** Folder or s3:// address. */
    store: string;
    run: string;
    request: MigrationRequest;
    /** A page about the run, as long as it goes on. */
    ui?: true | undefined;
    quiet?: true | undefined;
    verbose?: true | undefined;
  };

export interface FinishedMigration {
  report: RunReport;
  /** Address of the HTML report; null if it could not be written. */
  reportUrl: string | null;
  storeUrl: string;
}

/** `dist/` lies beside the bundled command line, and below the root in a checkout. */
const ASSEMBLY = fileURLToPath(
  new URL(import.meta.url.includes('/dist/') ? './assembly' : '../dist/assembly', import.meta.url),
);

/**
 * Runs the synthesized state machine on this machine and returns the run's report. A failed run is no
 * exception: the report says why.
 *
 * @throws MigrationError if a server or the store cannot be used at all
 */
export async function runMigration(
  settings: MigrationSettings,
  interrupt?: Interrupt,
): Promise<FinishedMigration> {
  const pathStyle = Boolean(process.env.AWS_ENDPOINT_URL_S3 || process.env.AWS_ENDPOINT_URL);
  const store = await openStore(settings.store, { pathStyle });
  const database = openTarget(settings);
  const chroma = openSource(settings);
  const looks = preflight(chroma, database, store);
  await (interrupt ? interrupt.stops(looks) : looks).finally(() => chroma.close());

  const progress = new Progress();
  const display = settings.quiet ? null : new ProgressDisplay(progress);
  const log = consoleLog(settings);
  const assembly = readAssembly(ASSEMBLY);
  const view = settings.ui ? new RunView(settings.run, assembly.definition, store) : null;
  const ui = view && (await startUi(view, progress));
  // Also with --quiet: without the address nobody can look.
  if (ui) writeLine(`Watch the run at ${ui.url}`);
  let result: ExecutionResult;
  try {
    result = await runExecution({
      assembly,
      name: settings.run,
      input: {
        concurrency: concurrencyOf(settings),
        ...localMemory(settings.target as string),
        ...settings.request,
        run: settings.run,
      },
      environment: environmentOf(settings, store.url),
      store,
      rds: new PostgresRdsAdapter(database),
      onEvent: (event) => {
        follow(event, progress, log);
        view?.follow(event);
      },
      ...(interrupt && { signal: interrupt.signal }),
    });
    view?.ended(result);
  } finally {
    display?.stop();
    await ui?.close();
  }
  const reportUrl = store.urlOf(keys.reportHtml(settings.run));
  if (result.status === 'SUCCEEDED')
    return { report: await writtenReport(store, settings.run), reportUrl, storeUrl: store.url };
  const why = failure(settings.run, result, interrupt);
  return { ...(await reportFailure({ database, store, log }, why, reportUrl)), storeUrl: store.url };
}

/** A report that cannot be written, for one on a full disk, is still shown. */
async function reportFailure(
  context: ReportContext,
  why: WriteReportInput,
  reportUrl: string,
): Promise<Pick<FinishedMigration, 'report' | 'reportUrl'>> {
  try {
    return { report: (await writeReport(context, why)).report, reportUrl };
  } catch (error) {
    context.log.warn(`The report could not be written: ${(error as Error).message}`);
    return { report: await collectReport(context, why), reportUrl: null };
  }
}

/** The state machine's last state has written it. */
async function writtenReport(store: ShardStore, run: string): Promise<RunReport> {
  return JSON.parse((await store.readText(keys.reportJson(run))) as string) as RunReport;
}

function environmentOf(settings: MigrationSettings, storeUrl: string): Record<string, string> {
  return {
    STORE_URL: storeUrl,
    CHROMA_URL: settings.source as string,
    ...(settings.sourceHeader && { CHROMA_HEADERS: JSON.stringify(settings.sourceHeader) }),
    ...(settings.sourceCa && { CHROMA_CA_FILE: settings.sourceCa }),
    DATABASE_URL: settings.target as string,
    // Empty takes away what the definition names: Lambda's file of authorities is not on this machine.
    DATABASE_CA_FILE: settings.targetCa ?? '',
  };
}

/** A shard a core, but no more connections than the application's configuration allows itself. */
const concurrencyOf = ({ config }: MigrationSettings): number =>
  Math.min(Math.max(2, availableParallelism()), config?.fields.database?.pool?.max_size ?? 1000);

function follow(event: ExecutionEvent, progress: Progress, log: Log): void {
  if (event.type === 'state-entered') progress.state(event.state);
  if (event.type !== 'log') return;
  progress.log(event.fields, Date.now());
  // The run is this one, and of the functions' environments a person need not know.
  const { level, message, run: _, service, function_request_id, cold_start, ...fields } = event.fields;
  if (level === 'warn') log.warn(String(message), fields);
  else if (message !== 'progress') log.info(String(message), fields);
}

/** A failed execution has not come to its last state: its report is written here. */
function failure(
  run: string,
  result: Exclude<ExecutionResult, { status: 'SUCCEEDED' }>,
  interrupt: Interrupt | undefined,
): WriteReportInput {
  const { state } = result;
  if (result.status === 'ABORTED' && interrupt) {
    const { name, message } = interrupt.signal.reason as Interrupted;
    return { run, status: 'failed', error: { name, message, state } };
  }
  const { error: name, cause } = result.rootError;
  return { run, status: 'failed', error: { name, message: printable(cause), state } };
}
