import { fileURLToPath } from 'node:url';
import { buildAll } from '../local/build.ts';
import type { RunReport } from '../src/report/report.ts';
import { keys } from '../src/store/keys.ts';
import { outputOf, startNode, startProduct } from './command-line.ts';
import { atLeast, count, duration, type Figure } from './figure.ts';
import { inTurns, median, secondsOf } from './in-turns.ts';
import type { Collection, Setting } from './setting.ts';

const SCRIPT = fileURLToPath(new URL('usual-script.ts', import.meta.url));
const SCHEMA = 'usual_script';
const ROUNDS = 2;

/** What each says of itself, in seconds. */
interface Parts {
  load: number[];
  index: number[];
}

/**
 * The whole command beside a script as users write it, each as a process of its own on all cores, which Chroma and
 * Postgres share. Then what either spends in the database on the rows alone: the script's INSERTs, and the product's
 * imports from their beginning to their commit, summed up.
 */
export async function measureBesideScript(setting: Setting, collection: Collection): Promise<Figure[]> {
  await buildAll();
  const ours: Parts = { load: [], index: [] };
  const theirs: Parts = { load: [], index: [] };
  const { migrated, scripted } = await inTurns(
    {
      async migrated() {
        const run = `beside-${Date.now()}`;
        const seconds = await secondsOf(() => migrate(setting, collection, run));
        note(ours, partsOf(JSON.parse((await setting.store.readText(keys.reportJson(run))) as string)));
        return seconds;
      },
      async scripted() {
        let printed = '';
        const seconds = await secondsOf(async () => {
          printed = await runScript(setting, collection);
        });
        const { insert, index } = JSON.parse(printed) as { insert: number; index: number };
        note(theirs, { load: insert, index });
        await setting.database.withClient('bench', (client) => client.query(`drop schema ${SCHEMA} cascade`));
        return seconds;
      },
    },
    ROUNDS,
  );
  const [load, index] = [median(ours.load.slice(1)), median(ours.index.slice(1))];
  const [insert, scriptIndex] = [median(theirs.load.slice(1)), median(theirs.index.slice(1))];
  const of = `${count(collection.records)} records of ${count(collection.dimension)} dimensions`;
  return [
    {
      what: `whole \`migrate\`, ${of}, verified and published`,
      product: duration(migrated),
      beside: `${duration(scripted)} by a script as users write it`,
      ratio: scripted / migrated,
      goal: atLeast(3, scripted / migrated, ' ×'),
      headline: true,
    },
    {
      what: `SQL time to load ${of}`,
      product: duration(load),
      beside: `${duration(insert)} in that script's INSERTs of 1,000 rows`,
      ratio: insert / load,
      goal: atLeast(10, insert / load, ' ×'),
      headline: true,
    },
    {
      what: `SQL time to index ${of}`,
      product: duration(index),
      beside: `${duration(scriptIndex)} in that script's CREATE INDEX with default settings`,
      ratio: scriptIndex / index,
      goal: null,
    },
  ];
}

async function migrate(setting: Setting, { name }: Collection, run: string): Promise<void> {
  await outputOf(
    startProduct([
      ...['migrate', '--source', setting.chromaServer.url, '--target', setting.postgres.url],
      ...['--store', setting.store.url, '--run', run, '--quiet', '--take-over', '--collections', name],
    ]),
  );
}

const runScript = (setting: Setting, { name, dimension }: Collection): Promise<string> =>
  outputOf(
    startNode(SCRIPT, [...[setting.chromaServer.url, setting.postgres.url, name, String(dimension), SCHEMA]]),
  );

function partsOf({ shards, indexBuilds }: RunReport): { load: number; index: number } {
  const seconds = (from: string | null, to: string | null) =>
    from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : 0;
  return {
    load: shards.reduce((sum, shard) => sum + seconds(shard.importStartedAt, shard.importedAt), 0),
    // Of the approximate index alone: the script builds no others.
    index: indexBuilds
      .filter(({ ddl }) => /using hnsw/i.test(ddl))
      .reduce((sum, build) => sum + seconds(build.startedAt, build.finishedAt), 0),
  };
}

function note(parts: Parts, { load, index }: { load: number; index: number }): void {
  parts.load.push(load);
  parts.index.push(index);
}
