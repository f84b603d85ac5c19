/**
 * Measures each figure beside its limit: `npm run bench`, with `DATABASE_URL` for a native server (whose role may
 * create databases and extensions), with `-- --only NAME` (any number of times) for some of the parts, with `-- --quick`
 * for small collections, which show that it works and no more, and are not written down.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { watchProcessors } from './busy.ts';
import { table } from './figure.ts';
import { commit, describeMachine } from './machine.ts';
import { PARTS, type Part, type Sizes } from './parts.ts';
import { type Result, writeResults } from './results.ts';
import { type Collection, fill, openSetting } from './setting.ts';

const collection = (dimension: number, records: number): Collection => ({
  name: `vectors-${dimension}-${records}`,
  dimension,
  records,
});
const FULL: Sizes = {
  small: collection(384, 30_000),
  large: collection(1536, 10_000),
  manySmall: collection(384, 100_000),
  manyLarge: collection(1536, 40_000),
  huge: collection(1536, 100_000),
  fewShort: collection(64, 10_000),
  manyShort: collection(64, 1_000_000),
  fewLong: collection(1536, 1_000),
  manyLong: collection(1536, 50_000),
};
const QUICK: Sizes = {
  small: collection(384, 5_000),
  large: collection(1536, 2_000),
  manySmall: collection(384, 10_000),
  manyLarge: collection(1536, 4_000),
  huge: collection(1536, 6_000),
  fewShort: collection(64, 1_000),
  manyShort: collection(64, 10_000),
  fewLong: collection(1536, 500),
  manyLong: collection(1536, 3_000),
};

const { quick, only } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string', multiple: true } },
}).values;
const sizes = quick ? QUICK : FULL;
const chosen = only ? only.map(partOf) : PARTS;

const say = (line: string) => process.stderr.write(`${line}\n`);
const setting = await openSetting();
const filled = new Set<Collection>();
try {
  const results: Result[] = [];
  for (const part of chosen) {
    await fillFor(part);
    const beside = await othersWork();
    say(`Measuring ${part.name} …`);
    const figures = await part.measure(setting, sizes);
    say(table(figures));
    results.push({ ...(await circumstances(part)), beside, figures });
    // What was measured stays, whatever becomes of the rest.
    if (!quick) await writeResults(PARTS, results);
  }
  process.stdout.write(`${table(results.flatMap(({ figures }) => figures))}\n\n${results[0]!.machine}\n`);
} finally {
  await setting.close();
}

function partOf(name: string): Part {
  const part = PARTS.find((one) => one.name === name);
  if (part) return part;
  process.stderr.write(
    `There is no part ${name} to measure: use ${PARTS.map((one) => one.name).join(', ')}.\n`,
  );
  process.exit(2);
}

async function fillFor({ needs }: Part): Promise<void> {
  for (const size of needs) {
    const one = sizes[size];
    if (filled.has(one)) continue;
    say(`Filling Chroma with ${one.records} records of ${one.dimension} dimensions …`);
    await fill(setting, one);
    filled.add(one);
  }
}

/** While the servers of the bench have nothing to do, whoever is busy is somebody else. */
async function othersWork(): Promise<string> {
  const share = watchProcessors();
  await sleep(2000);
  return `Others kept the processors ${Math.round(100 * share())} % busy when it began.`;
}

async function circumstances({ name }: Part): Promise<Omit<Result, 'figures' | 'beside'>> {
  return {
    part: name,
    date: new Date().toISOString().slice(0, 10),
    command: `${setting.postgres.isEmbedded ? '' : 'DATABASE_URL=… '}npm run bench -- --only ${name}`,
    commit: commit(),
    machine: await describeMachine(setting),
  };
}
