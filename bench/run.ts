/**
 * Measures each figure beside its limit: `npm run bench`, with `DATABASE_URL` for a native server (whose role may
 * create databases and extensions), with `-- --quick` for small collections, which show that it works and no more,
 * and are not written down.
 */
import { parseArgs } from 'node:util';
import { measureExportRate } from './export-rate.ts';
import { type Figure, table } from './figure.ts';
import { measureImportRate } from './import-rate.ts';
import { commit, describeMachine } from './machine.ts';
import { writeResults } from './results.ts';
import { type Collection, fill, openSetting } from './setting.ts';
import { measureShardMemory } from './shard-memory.ts';
import { measureWholeRun } from './whole-run.ts';

interface Sizes {
  small: Collection;
  large: Collection;
  /** One shard of so many records as Lambda's memory must not depend on. */
  huge: Collection;
}

const collection = (dimension: number, records: number): Collection => ({
  name: `vectors-${dimension}-${records}`,
  dimension,
  records,
});
const FULL: Sizes = {
  small: collection(384, 30_000),
  large: collection(1536, 10_000),
  huge: collection(1536, 100_000),
};
const QUICK: Sizes = {
  small: collection(384, 5_000),
  large: collection(1536, 2_000),
  huge: collection(1536, 6_000),
};

const { quick } = parseArgs({ options: { quick: { type: 'boolean', default: false } } }).values;
const { small, large, huge } = quick ? QUICK : FULL;

const say = (line: string) => process.stderr.write(`${line}\n`);
const setting = await openSetting();
try {
  const figures: Figure[] = [];
  const add = (more: readonly Figure[]) => {
    figures.push(...more);
    say(table(more));
  };
  const fillWith = async (one: Collection) => {
    say(`Filling Chroma with ${one.records} records of ${one.dimension} dimensions …`);
    await fill(setting, one);
  };
  await fillWith(small);
  await fillWith(large);
  add(await measureExportRate(setting, [small, large]));
  for (const one of [small, large]) add(await measureImportRate(setting, one));
  add([await measureWholeRun(setting, large)]);
  // Last, since the server is slower with so much of it in memory.
  await fillWith(huge);
  add(await measureShardMemory(setting, large, huge));

  const machine = await describeMachine(setting);
  const results = { figures, machine, commit: commit(), command: commandLine(setting.postgres.isEmbedded) };
  if (!quick) await writeResults(results);
  process.stdout.write(`${table(figures)}\n\n${machine}\n`);
} finally {
  await setting.close();
}

function commandLine(isEmbedded: boolean): string {
  return `${isEmbedded ? '' : 'DATABASE_URL=… '}npm run bench`;
}
