import { readFile, writeFile } from 'node:fs/promises';
import { predictBuild } from '../src/index-build/predict-build.ts';
import type { MeasuredBuild } from './measure-build.ts';

/** What the product says of a build that was measured; `error` is a share of the measured seconds. */
export function predicted(build: MeasuredBuild): { seconds: number; error: number } {
  const { seconds } = predictBuild(
    { ...build, records: build.rows, indexMethod: 'hnsw', hnsw: { ...build, efSearch: 40 } },
    { memoryBytes: Number.POSITIVE_INFINITY, processes: 1 + build.workers, speed: 1 },
  )!;
  return { seconds, error: seconds / build.seconds - 1 };
}

const number = (value: number) => value.toLocaleString('en');
const signed = (share: number) => `${share < 0 ? '−' : '+'}${Math.abs(100 * share).toFixed(0)} %`;

/** Each measured build in Markdown, those that were held apart first. */
export function errorsTable(builds: readonly MeasuredBuild[]): string {
  const order: MeasuredBuild['use'][] = ['held', 'fit', 'workers', 'shape', 'spill'];
  const rows = builds
    .toSorted((a, b) => order.indexOf(a.use) - order.indexOf(b.use) || a.seconds - b.seconds)
    .map((build) => {
      const { use, rows, dimension, type, m, efConstruction, seconds } = build;
      const told = predicted(build);
      return `| ${use} | ${number(rows)} × ${number(dimension)} ${type} | ${m} | ${efConstruction} | ${special(build)} | ${seconds.toFixed(1)} s | ${told.seconds.toFixed(1)} s | ${signed(told.error)} |`;
    });
  return [
    '| use | rows × dimensions | m | ef_construction | | measured | predicted | error |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** What sets a build apart from the others. */
function special({ shape, space, workers, spilledAfter }: MeasuredBuild): string {
  return [
    shape === 'uniform' && 'uniformly random',
    space !== 'l2' && space,
    workers > 0 && `${1 + workers} processes`,
    spilledAfter !== null && `spilled after ${number(spilledAfter)} rows`,
  ]
    .filter(Boolean)
    .join(', ');
}

const PAGE = new URL('BUILDS.md', import.meta.url);
const BETWEEN_MARKS = /(?<=<!-- builds -->\n).*(?=<!-- \/builds -->)/s;

/** Writes the table of bench/BUILDS.md; what stands around it is written by hand. */
export async function writeBuilds(builds: readonly MeasuredBuild[]): Promise<void> {
  const page = await readFile(PAGE, 'utf8');
  await writeFile(
    PAGE,
    page.replace(BETWEEN_MARKS, () => `${errorsTable(builds)}\n`),
  );
}
