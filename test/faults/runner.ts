/**
 * A program for the harness: executes a migration as `migrate` does, tells its parent what happens, and waits less
 * between tries. Its argument is FaultyRun in JSON.
 */
import { fileURLToPath } from 'node:url';
import { readAssembly } from '../../local/assembly.ts';
import { PostgresRdsAdapter } from '../../local/rds-adapter.ts';
import { type ExecutionEvent, type ExecutionResult, runExecution } from '../../local/run-execution.ts';
import { type Clock, systemClock } from '../../local/state-machine/clock.ts';
import { silentLog } from '../../src/log.ts';
import type { MigrationRequest } from '../../src/migration-input.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import { writeReport } from '../../src/report/write-report.ts';
import { openStore } from '../../src/store/open-store.ts';

export interface FaultyRun {
  chroma: string;
  target: string;
  /** Folder or s3:// address. */
  store: string;
  run: string;
  request: MigrationRequest;
  /** The state machine's waits and time-outs are so many times shorter. */
  hurry: number;
  /** Time-out of the functions in place of the definition's minutes. */
  functionSeconds: number;
  /** Further variables of the functions. */
  environment: Record<string, string>;
  /** What the runner's clock is ahead (or, if negative, behind), and from when on. */
  clockJump?: { afterMilliseconds: number; byMilliseconds: number };
}

export type Told = { event: ExecutionEvent } | { result: ExecutionResult } | { crash: string };

const settings = JSON.parse(process.argv[2] as string) as FaultyRun;
const tell = (told: Told) => new Promise<void>((resolve) => process.send?.(told, () => resolve()));

// The harness may have been killed: nobody would ever look at this run.
process.on('disconnect', () => process.exit(1));

try {
  const result = await execute();
  await report(result);
  await tell({ result });
} catch (error) {
  await tell({ crash: (error as Error).stack ?? String(error) });
}
process.exit(0);

async function execute(): Promise<ExecutionResult> {
  const store = await openStore(settings.store, { pathStyle: true });
  const assembly = readAssembly(fileURLToPath(new URL('../../dist/assembly', import.meta.url)));
  const functions = [...assembly.functions].map(
    ([name, definition]) => [name, { ...definition, timeoutSeconds: settings.functionSeconds }] as const,
  );
  return runExecution({
    assembly: { ...assembly, functions: new Map(functions) },
    name: settings.run,
    input: { ...settings.request, run: settings.run },
    environment: {
      STORE_URL: store.url,
      CHROMA_URL: settings.chroma,
      DATABASE_URL: settings.target,
      // Lambda's file of authorities is not on this machine.
      DATABASE_CA_FILE: '',
      ...settings.environment,
    },
    store,
    rds: new PostgresRdsAdapter(openDatabase({ url: settings.target })),
    onEvent: (event) => void tell({ event }),
    clock: hurriedClock(),
  });
}

/** As `migrate` and the function FailureReport do it. A database that is away is told at the next failure. */
async function report(result: ExecutionResult): Promise<void> {
  if (result.status === 'SUCCEEDED') return;
  const store = await openStore(settings.store, { pathStyle: true });
  const database = openDatabase({ url: settings.target });
  const { error: name, cause: message } = result.rootError;
  const why = { run: settings.run, status: 'failed', error: { name, message, state: result.state } } as const;
  await writeReport({ database, store, log: silentLog }, why).catch(() => undefined);
}

function hurriedClock(): Clock {
  const { hurry, clockJump } = settings;
  const started = performance.now();
  return {
    ...systemClock,
    now: () => {
      const isAhead = clockJump && performance.now() - started > clockJump.afterMilliseconds;
      return systemClock.now() + (isAhead ? clockJump.byMilliseconds : 0);
    },
    sleep: (milliseconds, signal) => systemClock.sleep(milliseconds / hurry, signal),
  };
}
