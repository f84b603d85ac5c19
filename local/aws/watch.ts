import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, type ExitCode } from '../command-line/command.ts';
import { onInterrupt } from '../interrupt.ts';
import { duration, ProgressDisplay, printable, printableLines } from '../progress/progress-line.ts';
import { alignedTable } from '../summary.ts';
import { ExecutionProgress } from './execution-progress.ts';
import type { Executions } from './executions.ts';
import { type Look, Observer } from './look.ts';

/** Between two looks, in milliseconds: a look is four to six calls, of which Step Functions takes ten a second. */
const INTERVAL = 2000;

export interface OutputValues {
  json?: true | undefined;
  quiet?: true | undefined;
}

/** Follows an execution to its end, and prints how it ended. */
export async function watchExecution(
  executions: Executions,
  arn: string,
  { json, quiet }: OutputValues,
): Promise<ExitCode> {
  const interrupt = onInterrupt('the execution goes on, and watch shows it again');
  const progress = new ExecutionProgress();
  const display = quiet ? null : new ProgressDisplay(progress);
  try {
    const look = await interrupt.stops(untilEnd(new Observer(executions, arn), progress));
    display?.stop();
    return printLook(look, json);
  } finally {
    display?.stop();
    interrupt.release();
  }
}

async function untilEnd(observer: Observer, progress: ExecutionProgress): Promise<Look> {
  while (true) {
    const look = await observer.look();
    progress.update(look, Date.now());
    if (!isUnderWay(look)) return look;
    await sleep(INTERVAL);
  }
}

const isUnderWay = ({ status }: Look) => status === 'RUNNING' || status === 'PENDING_REDRIVE';

/** Says that an execution is under way, and how to follow it. */
export async function printStarted(
  executions: Executions,
  arn: string,
  json: true | undefined,
): Promise<ExitCode> {
  const look = await new Observer(executions, arn).look();
  if (json) process.stdout.write(`${JSON.stringify(look)}\n`);
  else
    process.stdout.write(
      printableLines(
        `${look.name}: ${look.status}\n\n${arn}\n\nchroma-to-pgvector watch shows how far it is, until its end.\n`,
      ),
    );
  return EXIT.done;
}

/** What an execution has come to, for a person or in JSON. @returns 1 if it did not succeed and is not under way */
export function printLook(look: Look, json: true | undefined): ExitCode {
  if (json) process.stdout.write(`${JSON.stringify(look)}\n`);
  else process.stdout.write(`${printableLines(lookText(look))}\n`);
  if (look.error) process.stderr.write(`${printable(`${look.error.name}: ${look.error.message}`)}\n`);
  return look.status === 'SUCCEEDED' || isUnderWay(look) ? EXIT.done : EXIT.failed;
}

function lookText(look: Look): string {
  const { name, status, state, maps, index, startedAt, stoppedAt, redrives } = look;
  const end = stoppedAt === null ? Date.now() : Date.parse(stoppedAt);
  const took =
    startedAt === null
      ? ''
      : ` ${stoppedAt === null ? 'for' : 'after'} ${duration((end - Date.parse(startedAt)) / 1000)}`;
  const redriven = redrives > 0 ? `, redriven ${redrives === 1 ? 'once' : `${redrives} times`}` : '';
  const lines = [
    `${name}: ${status}${took}${redriven}${state && status !== 'SUCCEEDED' ? `, in ${state}` : ''}`,
  ];
  if (maps.length > 0) lines.push('', ...mapTable(look));
  if (index) lines.push('', `Index ${index.name}: ${Math.floor(index.percent)} %`);
  lines.push('', look.execution);
  if (look.redrivable && look.error)
    lines.push('', 'Mend the cause, then run chroma-to-pgvector redrive: only what failed is done again.');
  return lines.join('\n');
}

function mapTable({ maps }: Look): string[] {
  const rows = maps.map(({ map, total, succeeded, running, failed, pending }) =>
    [map, total, succeeded, running, failed, pending].map(String),
  );
  return alignedTable([['map', 'of', 'done', 'running', 'failed', 'waiting'], ...rows], 1);
}
