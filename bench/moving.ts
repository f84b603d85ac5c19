import { availableParallelism } from 'node:os';
import type pg from 'pg';
import { buildAll } from '../local/build.ts';
import type { ShardItem, ShardManifest } from '../src/contract.ts';
import { silentLog } from '../src/log.ts';
import { MigrationInput } from '../src/migration-input.ts';
import { makePlan } from '../src/plan/make-plan.ts';
import { requirePlan } from '../src/plan/plan-file.ts';
import { collectionSchema } from '../src/postgres/collection-schema.ts';
import { prepareDatabase } from '../src/postgres/prepare-database.ts';
import { readManifest } from '../src/shard/manifest.ts';
import { READERS } from '../src/shard/pages.ts';
import { keys } from '../src/store/keys.ts';
import { executeMigration } from '../test/fixtures/execution.ts';
import { watchProcessors } from './busy.ts';
import { atMost, count, duration, type Figure } from './figure.ts';
import { inTurns, secondsOf } from './in-turns.ts';
import { type LoadLimit, limitOf } from './load-ways.ts';
import { ProcessorTimes } from './processor-time.ts';
import type { Collection, Setting } from './setting.ts';
import { type ShardWorker, startShardWorker } from './shard-worker.ts';

/** Shards at a time as `migrate` has it, and so exporters, importers and connections. */
const CONCURRENCY = Math.max(2, availableParallelism());
/** Whether more would gain. */
const MORE = [CONCURRENCY + 1, 2 * CONCURRENCY] as const;
const ROUNDS = 3;
const BARE_SCHEMA = 'bare';

type Load = LoadLimit['load'];

/**
 * The moving of a collection, from the state that starts it to the last shard's commit, with the starts of all
 * processes, beside its two ceilings: the pages fetched and thrown away, and the same bytes copied by the server from
 * its files. Each ceiling has the whole machine to itself; side by side they share it, as in a migration on one machine.
 * Last comes what the machine can do: the processor time of all that must be done, shared out among its cores.
 */
export async function measureMoving(setting: Setting, collection: Collection): Promise<Figure[]> {
  await buildAll();
  const fetchers = Array.from({ length: CONCURRENCY }, () => startShardWorker(setting));
  const clients = await Promise.all(fetchers.map(() => setting.database.connect('bench')));
  let moved!: Moved;
  const fetch = () =>
    shareOut(moved.shards, fetchers, (fetcher, shard) =>
      fetcher.run({ way: 'fetch', shard, readers: READERS }),
    );
  const copy = (loads: readonly Load[][]) =>
    Promise.all(
      loads.map(async (own) => {
        for (const load of own) await load();
      }),
    );
  const work = new ProcessorTimes();
  const moveWith = (concurrency: number) => async () => {
    moved = await move(setting, collection, concurrency);
    return moved.seconds;
  };
  try {
    const seconds = await inTurns(
      {
        more: moveWith(MORE[0]),
        twice: moveWith(MORE[1]),
        moved: moveWith(CONCURRENCY),
        fetched: () => secondsOf(() => work.of('answering', [setting.chromaServer.pid], fetch)),
        async copied() {
          const loads = await prepareCopies(clients, setting, moved);
          return secondsOf(async () => work.of('copying', await backendsOf(clients), () => copy(loads)));
        },
        async both() {
          const loads = await prepareCopies(clients, setting, moved);
          return secondsOf(() => Promise.all([fetch(), copy(loads)]));
        },
      },
      ROUNDS,
    );
    // They have only fetched until now.
    await moveAlone(setting, collection, fetchers, new ProcessorTimes());
    await moveAlone(setting, collection, fetchers, work);
    return [
      ...figuresOf(collection, moved, seconds),
      ...limitOfCores(collection, moved, seconds.moved, work),
    ];
  } finally {
    await Promise.all(fetchers.map((fetcher) => fetcher.stop()));
    await clients[0]!.query(`drop schema if exists ${BARE_SCHEMA} cascade`);
    await Promise.all(clients.map((client) => client.end()));
  }
}

function figuresOf(
  { dimension, records }: Collection,
  { shards, busy }: Moved,
  {
    moved,
    more,
    twice,
    fetched,
    copied,
    both,
  }: Record<'moved' | 'more' | 'twice' | 'fetched' | 'copied' | 'both', number>,
): Figure[] {
  const slower = Math.max(fetched, copied);
  const row = {
    what: `moving ${count(records)} records of ${count(dimension)} dimensions in ${shards.length} shards`,
    product: `${duration(moved)}, processors ${Math.round(100 * busy)} % busy`,
  };
  return [
    {
      ...row,
      beside: `${duration(slower)}, the slower of pages fetched ${duration(fetched)} and rows copied ${duration(copied)}, each alone on all cores`,
      ratio: moved / slower,
      goal: atMost(1.15, moved / slower),
      headline: true,
    },
    {
      ...row,
      beside: `${duration(both)} for the same fetching and copying side by side on the same cores`,
      ratio: moved / both,
      goal: null,
    },
    {
      ...row,
      beside: `${duration(more)} with ${MORE[0]} shards at a time, ${duration(twice)} with ${MORE[1]}`,
      ratio: moved / Math.min(more, twice),
      goal: null,
    },
  ];
}

/** What two cores can do at most: each second that somebody must work, and nobody ever waiting. */
function limitOfCores(
  { dimension, records }: Collection,
  { shards }: Moved,
  moved: number,
  work: ProcessorTimes,
): Figure[] {
  const cores = availableParallelism();
  const parts = (['answering', 'copying', 'exporting', 'importing'] as const).map((name) =>
    work.median(name),
  );
  if (parts.includes(null)) return [];
  const [answering, copying, exporting, importing] = parts as number[];
  const least = (answering! + copying! + exporting! + importing!) / cores;
  return [
    {
      what: `moving ${count(records)} records of ${count(dimension)} dimensions in ${shards.length} shards`,
      product: duration(moved),
      beside: `${duration(least)} of ${cores} cores that never wait: Chroma answers for ${duration(answering!)}, Postgres copies for ${duration(copying!)}, exporters work for ${duration(exporting!)} and importers for ${duration(importing!)} of processor time`,
      ratio: moved / least,
      goal: null,
      headline: true,
    },
  ];
}

/** Moves the collection with warm processes, exporters first and then importers, and notes what either work for. */
async function moveAlone(
  setting: Setting,
  { name }: Collection,
  workers: readonly ShardWorker[],
  work: ProcessorTimes,
): Promise<void> {
  const pids = workers.map(({ pid }) => pid);
  const run = `alone-${Date.now()}`;
  const input = MigrationInput.parse({ collections: [name], takeOver: true });
  const plan = await makePlan(setting.chroma, run, input, setting.store);
  await prepareDatabase(setting.database, plan.plan, silentLog);
  await work.of('exporting', pids, () =>
    shareOut(plan.shards, workers, (worker, shard) => worker.run({ way: 'export', shard, readers: READERS })),
  );
  await work.of('importing', pids, () =>
    shareOut(plan.shards, workers, (worker, { schema, collection, number }) => {
      const shard = { run, schema, collection, number, manifestKey: keys.manifest(run, schema, number) };
      return worker.run({ way: 'import', shard });
    }),
  );
}

/** Process ids of the connections' backends. */
const backendsOf = (clients: readonly pg.Client[]): Promise<number[]> =>
  Promise.all(
    clients.map(async (client) => {
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      return rows[0]!.pid;
    }),
  );

interface Moved {
  run: string;
  shards: ShardItem[];
  manifests: ShardManifest[];
  seconds: number;
  /** Share of the processors' time that was not idle meanwhile. */
  busy: number;
}

/** Runs the state machine with its bundled functions until all shards are in, and stops it there. */
async function move(setting: Setting, { name }: Collection, concurrency: number): Promise<Moved> {
  const { chromaServer, postgres, store } = setting;
  const run = `moving-${Date.now()}`;
  const controller = new AbortController();
  const entered = new Map<string, number>();
  let share: () => number = () => Number.NaN;
  let busy = Number.NaN;
  const result = await executeMigration(
    {
      ...{ chroma: chromaServer.url, target: postgres.url, store: store.url, run },
      request: { collections: [name], concurrency, takeOver: true },
    },
    (event) => {
      if (event.type !== 'state-entered' || entered.has(event.state)) return;
      entered.set(event.state, performance.now());
      if (event.state === 'MigrateShards') share = watchProcessors();
      if (event.state !== 'FindUnfinishedShards') return;
      busy = share();
      controller.abort();
    },
    controller.signal,
  );
  const end = entered.get('FindUnfinishedShards');
  if (!end) throw new Error(`The migration ended before its shards were in: ${JSON.stringify(result)}`);
  const shards = JSON.parse((await store.readText(keys.shards(run))) as string) as ShardItem[];
  const manifests = await Promise.all(
    shards.map(({ schema, number }) => readManifest(store, keys.manifest(run, schema, number))),
  );
  return {
    ...{ run, shards, manifests: manifests as ShardManifest[], busy },
    seconds: (end - entered.get('MigrateShards')!) / 1000,
  };
}

/** Each worker takes the next when it is done with one, as the map's children do. */
async function shareOut<T>(
  all: readonly T[],
  workers: readonly ShardWorker[],
  work: (worker: ShardWorker, one: T) => Promise<unknown>,
): Promise<void> {
  const rest = [...all];
  await Promise.all(
    workers.map(async (worker) => {
      for (let one = rest.shift(); one !== undefined; one = rest.shift()) await work(worker, one);
    }),
  );
}

/** Empty tables like the run's, and what fills them: each client has every other shard. */
async function prepareCopies(
  clients: readonly pg.Client[],
  { store }: Setting,
  { run, manifests }: Moved,
): Promise<Load[][]> {
  const [client] = clients as [pg.Client];
  const { collections } = await requirePlan(store, run);
  await client.query(`drop schema if exists ${BARE_SCHEMA} cascade; create schema ${BARE_SCHEMA}`);
  await client.query(collectionSchema(collections[0]!, BARE_SCHEMA).tables);
  const loads: Load[][] = clients.map(() => []);
  for (const [place, manifest] of manifests.entries()) {
    const own = place % clients.length;
    loads[own]!.push((await limitOf(clients[own]!, BARE_SCHEMA, store, manifest)).load);
  }
  // Whether the server reads the files was tried, and left dead rows.
  await client.query(`truncate ${BARE_SCHEMA}.documents, ${BARE_SCHEMA}.embeddings`);
  await client.query('checkpoint').catch(() => undefined);
  return loads;
}
