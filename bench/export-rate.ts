import { READERS } from '../src/shard/pages.ts';
import { keys } from '../src/store/keys.ts';
import { CLIENT_CORE, pin, SERVER_CORE, unpin } from './cores.ts';
import { atLeast, count, type Figure, rate } from './figure.ts';
import { inTurns } from './in-turns.ts';
import { type Collection, planShards, type Setting } from './setting.ts';
import { runTogether, type ShardWorker, startShardWorker } from './shard-worker.ts';

/** An exporter has as many readers as the product gives it at most; 8 are two exporters, each with its shard. */
const READERS_TRIED = [1, 2, READERS, 2 * READERS];
const EXPORTERS = 2;
/** Each takes half a minute in all. */
const ROUNDS = 3;

/**
 * The product's export beside its limit: the same pages fetched by as many readers in as many processes and thrown
 * away. Chroma has one core and the exporters another, where the machine allows it.
 */
export async function measureExportRate(
  setting: Setting,
  collections: readonly Collection[],
): Promise<Figure[]> {
  const { chromaServer } = setting;
  const exporters = Array.from({ length: EXPORTERS }, () => startShardWorker(setting));
  const pinned = [await pin(chromaServer.pid, SERVER_CORE)];
  for (const { pid } of exporters) pinned.push(await pin(pid, CLIENT_CORE));
  const where = pinned.includes(false) ? ' (not pinned to cores)' : '';
  try {
    const figures: Figure[] = [];
    for (const collection of collections)
      for (const readers of READERS_TRIED)
        figures.push(await measureOne(setting, exporters, collection, readers, where));
    return figures;
  } finally {
    await Promise.all(exporters.map((exporter) => exporter.stop()));
    await unpin(chromaServer.pid);
  }
}

async function measureOne(
  setting: Setting,
  exporters: readonly ShardWorker[],
  collection: Collection,
  readers: number,
  where: string,
): Promise<Figure> {
  const run = `export-${collection.dimension}-${readers}`;
  const wanted = Math.ceil(readers / READERS);
  const { shards } = await planShards(setting, run, collection, wanted);
  const orders = (way: 'export' | 'fetch') =>
    shards.map((shard) => ({ way, shard, readers: readers / wanted }));
  const { exported, fetched } = await inTurns(
    {
      async exported() {
        const seconds = await runTogether(exporters, orders('export'));
        // What is whole in the store is not exported again.
        for (const { schema, number } of shards)
          await setting.store.delete(keys.manifest(run, schema, number));
        return seconds;
      },
      fetched: () => runTogether(exporters, orders('fetch')),
    },
    ROUNDS,
  );
  const by = `${readers} reader${readers === 1 ? '' : 's'}`;
  return {
    what: `export, ${count(collection.dimension)} dimensions, ${by}${where}`,
    product: rate(collection.records, exported),
    beside: `${rate(collection.records, fetched)} of the same pages fetched and thrown away`,
    ratio: fetched / exported,
    goal: atLeast(0.85, fetched / exported),
    headline: readers === READERS,
  };
}
