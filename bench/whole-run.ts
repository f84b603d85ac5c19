import { totalmem } from 'node:os';
import type pg from 'pg';
import { buildAll } from '../local/build.ts';
import { runMigration } from '../local/run-migration.ts';
import type { CollectionPlan, ShardItem } from '../src/contract.ts';
import { buildResources, setResources } from '../src/index-build/build-memory.ts';
import { requirePlan } from '../src/plan/plan-file.ts';
import { collectionSchema } from '../src/postgres/collection-schema.ts';
import type { RunReport } from '../src/report/report.ts';
import { readManifest } from '../src/shard/manifest.ts';
import { keys } from '../src/store/keys.ts';
import { fetchPages } from './fetch-pages.ts';
import { duration, type Figure } from './figure.ts';
import { inTurns, secondsOf } from './in-turns.ts';
import { limitOf } from './load-ways.ts';
import type { Collection, Setting } from './setting.ts';

/** Each takes half a minute. */
const ROUNDS = 3;
const BARE_SCHEMA = 'bare';

/**
 * The whole of `migrate` beside the least that any migration must do, one after the other: fetch the pages, copy the
 * rows, build the same keys and indexes. Verifying and publishing have no such limit; they are the product's own.
 */
export async function measureWholeRun(setting: Setting, collection: Collection): Promise<Figure> {
  await buildAll();
  // Each turn begins with a migration; what follows does the same without the product.
  let last!: RunReport;
  const ways = {
    async whole() {
      last = await migrate(setting, collection, `whole-${Date.now()}`);
      return last.seconds.total;
    },
    fetched: async () => {
      const shards = await shardsOf(setting, last.run);
      return secondsOf(async () => {
        for (const shard of shards) await fetchPages(setting.chromaServer.url, shard);
      });
    },
    copied: () => setting.database.withClient('bench', (client) => copyAll(client, setting, last)),
    indexed: () => setting.database.withClient('bench', (client) => indexAll(client, last)),
  };
  const { whole, fetched, copied, indexed } = await inTurns(ways, ROUNDS);
  const least = fetched + copied + indexed;
  const { dimension, records } = collection;
  return {
    what: `migrate, ${records.toLocaleString('en')} records of ${dimension.toLocaleString('en')} dimensions, verified and published`,
    product: duration(whole),
    beside: `${duration(least)}: pages fetched ${duration(fetched)}, rows copied ${duration(copied)}, bare CREATE INDEX ${duration(indexed)}`,
    ratio: least / whole,
    goal: null,
    headline: true,
  };
}

async function migrate(
  { chromaServer, postgres, store }: Setting,
  { name }: Collection,
  run: string,
): Promise<RunReport> {
  const { report } = await runMigration({
    ...{ source: chromaServer.url, target: postgres.url, store: store.url, run, quiet: true },
    ...{ sourceHeader: undefined, sourceCa: undefined, targetCa: undefined },
    request: { collections: [name], takeOver: true },
  });
  if (report.error) throw new Error(`migrate: ${report.error.message}`);
  return report;
}

async function shardsOf({ store }: Setting, run: string): Promise<ShardItem[]> {
  return JSON.parse((await store.readText(keys.shards(run))) as string) as ShardItem[];
}

async function planOf({ store }: Setting, run: string): Promise<CollectionPlan> {
  return (await requirePlan(store, run)).collections[0] as CollectionPlan;
}

/** Copies the run's shards into tables of its own. @returns seconds of the copying alone */
async function copyAll(client: pg.Client, setting: Setting, { run }: RunReport): Promise<number> {
  await client.query(`drop schema if exists ${BARE_SCHEMA} cascade; create schema ${BARE_SCHEMA}`);
  await client.query(collectionSchema(await planOf(setting, run), BARE_SCHEMA).tables);
  let seconds = 0;
  for (const { schema, number } of await shardsOf(setting, run)) {
    const manifest = await readManifest(setting.store, keys.manifest(run, schema, number));
    const { load } = await limitOf(client, BARE_SCHEMA, setting.store, manifest!);
    seconds += await secondsOf(load);
  }
  return seconds;
}

/** Builds what the run has built, with the same memory and workers. @returns seconds */
async function indexAll(client: pg.Client, report: RunReport): Promise<number> {
  const { plan, indexes } = report.collections[0]!;
  await client.query(setResources(await buildResources(client, plan, totalmem())));
  const built = collectionSchema(plan, BARE_SCHEMA).indexes.filter(({ name }) => indexes.includes(name));
  return secondsOf(async () => {
    for (const { ddl } of built) await client.query(ddl);
  });
}
