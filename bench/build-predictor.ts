/**
 * Builds HNSW indexes of many sizes and writes down what each took: `node bench/build-predictor.ts`, with
 * `DATABASE_URL` for a native server of this machine with nothing beside it. What was measured stays; `--again` begins anew.
 * `--fit` fits the constants of src/index-build/predict-build.ts to those marked `fit`; `--speed` says how fast a server
 * builds beside the one that was measured.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { BUILD_CASES, type BuildCase } from './build-cases.ts';
import { fitModel } from './fit-builds.ts';
import { type MeasuredBuild, measureBuild } from './measure-build.ts';
import { predicted, writeBuilds } from './predicted-builds.ts';

const FIGURES = new URL('builds.json', import.meta.url);

const flag = { type: 'boolean', default: false } as const;
const { again, fit, speed } = parseArgs({ options: { again: flag, fit: flag, speed: flag } }).values;
const builds = again
  ? []
  : (JSON.parse(await readFile(FIGURES, 'utf8').catch(() => '[]')) as MeasuredBuild[]);

if (fit) say(JSON.stringify(fitModel(builds.filter(({ use }) => use === 'fit'))));
else if (speed) await saySpeed();
else await measure();
await writeBuilds(builds);

async function measure(): Promise<void> {
  const done = new Set(builds.map(nameOf));
  for (const one of BUILD_CASES) {
    if (done.has(nameOf(one))) continue;
    const measured = await measureBuild(server(), one);
    builds.push(measured);
    say(`${nameOf(one)}: ${measured.seconds.toFixed(1)} s`);
    await writeFile(FIGURES, `${JSON.stringify(builds, null, 2)}\n`);
  }
}

/** Some seconds of building: what it takes here, of what the model says. */
async function saySpeed(): Promise<void> {
  const cases = BUILD_CASES.filter(
    ({ use, rows, dimension, efConstruction }) =>
      use === 'fit' && rows === 10_000 && dimension >= 384 && efConstruction === 64,
  );
  let [told, took] = [0, 0];
  for (const one of cases) {
    const measured = await measureBuild(server(), one);
    told += predicted(measured).seconds;
    took += measured.seconds;
  }
  say(`--build-speed ${(told / took).toFixed(2)}`);
}

function server(): string {
  const url = process.env.DATABASE_URL;
  if (url === undefined) throw new Error('Name a native server by DATABASE_URL.');
  return url;
}

function nameOf(one: BuildCase): string {
  const { use, rows, dimension, m, efConstruction, type, space, shape, workers, memoryShare } = one;
  return [use, rows, dimension, m, efConstruction, type, space, shape, workers, memoryShare].join(' ');
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
