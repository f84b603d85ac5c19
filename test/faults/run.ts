/**
 * The harness: `npm run faults -- --count 1000 --seed 7`. Real migrations, disturbed at random moments, each compared
 * with an oracle when it has come to its end. Exits with 1 if anything that must hold did not.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { CycleResult } from './cycle.ts';
import { summary } from './summary.ts';
import type { Report, WorkerSettings } from './worker.ts';

const HELP = `npm run faults -- [--count 1000] [--minutes N] [--seed N] [--cycle N] [--workers 2] [--stop-seconds 1]

Disturbs migrations until so many faults have struck, or for so many minutes, and says what became of them.
  --seed N          draws the same faults again; another one each time by default
  --cycle N         goes through that cycle alone, as a violation names it
  --workers N       so many at the same time, each with servers of its own
  --stop-seconds N  how long SIGSTOP keeps a process; long enough to be noticed by default
  --verbose         tells every attempt

Needs a native PostgreSQL with pgvector (.ci/native-postgres.sh). Filling a disk needs root, to mount a small one.
`;

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    cycle: { type: 'string' },
    workers: { type: 'string', default: '2' },
    'stop-seconds': { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const count = Number(values.count);
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const deadline = performance.now() + Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
const results: CycleResult[] = [];
let disk = true;
let struck = 0;
let next = values.cycle === undefined ? 0 : Number(values.cycle);
const isOver = () =>
  values.cycle === undefined ? struck >= count || performance.now() > deadline : next > Number(values.cycle);

/** They stop their servers when they are asked to end, and could not if they were killed. */
const children: ChildProcess[] = [];
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    for (const child of children) child.kill('SIGTERM');
    process.exit(1);
  });

process.stderr.write(`seed ${seed}\n`);
const started = performance.now();
const workers = values.cycle === undefined ? Number(values.workers) : 1;
const codes = await Promise.all(Array.from({ length: workers }, work));
const seconds = (performance.now() - started) / 1000;
process.stdout.write(summary(results, { seed, seconds, workers, disk }));
process.exit(codes.some((code) => code !== 0) || results.some(({ violation }) => violation) ? 1 : 0);

/** One worker, on a server of its own, from cycle to cycle. @returns its exit code */
function work(): Promise<number> {
  const settings: WorkerSettings = {
    seed,
    stopMilliseconds: Number(values['stop-seconds']) * 1000,
    verbose: values.verbose,
  };
  const script = fileURLToPath(new URL('./worker.ts', import.meta.url));
  const command = [process.execPath, '--import', './local/sql-loader.ts', script, JSON.stringify(settings)];
  const child = spawn('.ci/with-native-postgres.sh', command, {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  children.push(child);
  createInterface({ input: child.stdout }).on('line', (line) => hear(child, JSON.parse(line) as Report));
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}

function hear(worker: ChildProcess, report: Report): void {
  if ('ready' in report) disk &&= report.disk;
  else {
    const { cycle } = report;
    results.push(cycle);
    struck += cycle.struck.length;
    const violation = cycle.violation ? ` VIOLATION: ${cycle.violation.slice(0, 1000)}` : '';
    if (violation || values.verbose || results.length % 20 === 0)
      process.stderr.write(
        `${Math.round((performance.now() - started) / 1000)} s: ${results.length} cycles, ${struck} faults; cycle ${cycle.cycle} in ${cycle.seconds.toFixed(1)} s${violation}\n`,
      );
  }
  if (isOver()) worker.stdin?.end();
  else worker.stdin?.write(`${next++}\n`);
}
