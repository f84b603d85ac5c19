import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { buildAll } from '../local/build.ts';
import type { RunReport } from '../src/report/report.ts';
import { readManifest } from '../src/shard/manifest.ts';
import { keys } from '../src/store/keys.ts';
import { outputOf, outputWithin, startNode, startProduct } from './command-line.ts';
import { atLeast, count, duration, type Figure } from './figure.ts';
import { inTurns, median, secondsOf } from './in-turns.ts';
import { limitOf } from './load-ways.ts';
import type { Collection, Setting } from './setting.ts';

const SCRIPT = fileURLToPath(new URL('usual-script.ts', import.meta.url));
const SCHEMA = 'usual_script';
const LIMIT_SCHEMA = 'copied_alone';
const ROUNDS = 2;
/** A script that has not ended by then is ended. */
const MOST_SECONDS = 600;

export const measureBesideScript = (setting: Setting, collection: Collection): Promise<Figure[]> =>
  measure(setting, collection, ROUNDS, 1);

/** Where one turn takes minutes. */
export const measureOnceBesideScript = (setting: Setting, collection: Collection): Promise<Figure[]> =>
  measure(setting, collection, 1, 0);

/** What each says of its time in the database, in seconds. */
interface Parts {
  load: number;
  index: number;
}

/**
 * The whole command beside a script as users write it, each as a process of its own on all cores, which Chroma and
 * Postgres share. Then what either spends in the database on the rows and on the approximate index: the script's
 * statements, and the product's imports from their beginning to their commit, summed up, and its build. And what no
 * import can come below, one shard after the other.
 */
async function measure(
  setting: Setting,
  collection: Collection,
  rounds: number,
  warmUps: number,
): Promise<Figure[]> {
  await buildAll();
  const ours: Parts[] = [];
  const theirs: Parts[] = [];
  const alone: number[] = [];
  let limit = '';
  let inTime = true;
  const seconds = await inTurns(
    {
      async migrated() {
        const run = `beside-${Date.now()}`;
        const seconds = await secondsOf(() => migrate(setting, collection, run));
        const report = JSON.parse((await setting.store.readText(keys.reportJson(run))) as string);
        ours.push(partsOf(report));
        const copied = await copyAlone(setting, report);
        alone.push(copied.seconds);
        limit = copied.words;
        return seconds;
      },
      async scripted() {
        const started = performance.now();
        const script = await runScript(setting, collection);
        const seconds = (performance.now() - started) / 1000;
        inTime &&= script.inTime;
        theirs.push(script.parts);
        await clearUp(setting);
        return seconds;
      },
    },
    rounds,
    warmUps,
  );
  const medianOf = (all: readonly Parts[]): Parts => {
    const counted = all.slice(warmUps);
    return {
      load: median(counted.map(({ load }) => load)),
      index: median(counted.map(({ index }) => index)),
    };
  };
  const script = medianOf(theirs);
  const copied = median(alone.slice(warmUps));
  return [
    ...figuresOf(collection, seconds, medianOf(ours), script, inTime ? '' : 'more than '),
    {
      what: `${limit} of the same rows, with nothing beside it`,
      product: duration(copied),
      beside: `${duration(script.load)} in that script's INSERTs of 1,000 rows`,
      ratio: script.load / copied,
      goal: null,
    },
  ];
}

/** @param moreThan said of what was ended before its time */
function figuresOf(
  { records, dimension }: Collection,
  { migrated, scripted }: Record<'migrated' | 'scripted', number>,
  ours: Parts,
  theirs: Parts,
  moreThan: string,
): Figure[] {
  const of = `${count(records)} records of ${count(dimension)} dimensions`;
  const [sum, scriptSum] = [ours.load + ours.index, theirs.load + theirs.index];
  return [
    {
      what: `whole \`migrate\`, ${of}, verified and published`,
      product: duration(migrated),
      beside: `${moreThan}${duration(scripted)} by a script as users write it`,
      ratio: scripted / migrated,
      goal: atLeast(3, scripted / migrated, ' ×'),
      headline: true,
    },
    {
      what: `SQL time to load ${of}`,
      product: duration(ours.load),
      beside: `${duration(theirs.load)} in that script's INSERTs of 1,000 rows`,
      ratio: theirs.load / ours.load,
      goal: atLeast(10, theirs.load / ours.load, ' ×'),
      headline: true,
    },
    {
      what: `SQL time to load and index ${of}`,
      product: `${duration(sum)}, index ${duration(ours.index)}`,
      beside: `${moreThan}${duration(scriptSum)}, index ${duration(theirs.index)} by CREATE INDEX with default settings`,
      ratio: scriptSum / sum,
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

/** @returns what it has told: of a build that was ended, the time until then */
async function runScript(
  setting: Setting,
  { name, dimension }: Collection,
): Promise<{ parts: Parts; inTime: boolean }> {
  const places = [setting.chromaServer.url, setting.postgres.url, name, String(dimension), SCHEMA];
  const child = startNode(SCRIPT, places);
  let loadedAt = performance.now();
  child.stdout?.once('data', () => {
    loadedAt = performance.now();
  });
  const { printed, inTime } = await outputWithin(child, MOST_SECONDS);
  const told = Object.assign(
    { load: Number.NaN, index: (performance.now() - loadedAt) / 1000 },
    ...printed
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  ) as Parts;
  return { parts: told, inTime };
}

/** The run's shards once more, one after the other, by the server from its own files into tables of the same kind. */
async function copyAlone(
  { database, store }: Setting,
  { run, shards }: RunReport,
): Promise<{ seconds: number; words: string }> {
  const schema = pg.escapeIdentifier(shards[0]!.schema);
  return database.withClient('bench', async (client) => {
    await client.query(`create schema ${LIMIT_SCHEMA}`);
    for (const table of ['documents', 'embeddings'])
      await client.query(
        `create table ${LIMIT_SCHEMA}.${table} (like ${schema}.${table} including defaults)`,
      );
    let seconds = 0;
    let words = '';
    for (const { schema: name, number } of shards) {
      const manifest = await readManifest(store, keys.manifest(run, name, number));
      const limit = await limitOf(client, LIMIT_SCHEMA, store, manifest!);
      seconds += await secondsOf(limit.load);
      words = limit.words;
    }
    await client.query(`drop schema ${LIMIT_SCHEMA} cascade`);
    return { seconds, words };
  });
}

/** CREATE INDEX goes on without its client. */
async function clearUp({ database }: Setting): Promise<void> {
  await database.withClient('bench', async (client) => {
    await client.query(
      `select pg_terminate_backend(pid, 60000) from pg_stat_activity
        where query like 'create index on ${SCHEMA}.%' and backend_type = 'client backend' and state = 'active'`,
    );
    await client.query(`drop schema ${SCHEMA} cascade`);
  });
}

function partsOf({ shards, indexBuilds }: RunReport): Parts {
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
