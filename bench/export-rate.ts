import { keys } from '../src/store/keys.ts';
import { EXPORTER_CORE, pin, SERVER_CORE, unpin } from './cores.ts';
import { atLeast, type Figure, rate } from './figure.ts';
import { inTurns } from './in-turns.ts';
import { type Collection, planOneShard, type Setting } from './setting.ts';
import { type ShardWorker, startShardWorker } from './shard-worker.ts';

/**
 * The product's export of a shard beside its limit: the same pages fetched by as many readers and thrown away.
 * Chroma has one core and the exporter another, where the machine allows it.
 */
export async function measureExportRate(
  setting: Setting,
  collections: readonly Collection[],
): Promise<Figure[]> {
  const { chromaServer } = setting;
  const exporter = startShardWorker(setting);
  const isPinned = (await pin(chromaServer.pid, SERVER_CORE)) && (await pin(exporter.pid, EXPORTER_CORE));
  const where = isPinned ? '' : ' (not pinned to cores)';
  try {
    const figures: Figure[] = [];
    for (const collection of collections)
      figures.push(await measureOne(setting, exporter, collection, where));
    return figures;
  } finally {
    await exporter.stop();
    await unpin(chromaServer.pid);
  }
}

async function measureOne(
  setting: Setting,
  exporter: ShardWorker,
  collection: Collection,
  where: string,
): Promise<Figure> {
  const run = `export-${collection.dimension}`;
  const { shard } = await planOneShard(setting, run, collection);
  const { exported, fetched } = await inTurns({
    async exported() {
      const seconds = await exporter.run({ way: 'export', shard });
      // What is whole in the store is not exported again.
      await setting.store.delete(keys.manifest(run, shard.schema, shard.number));
      return seconds;
    },
    fetched: () => exporter.run({ way: 'fetch', shard }),
  });
  return {
    what: `export, ${collection.dimension.toLocaleString('en')} dimensions${where}`,
    product: rate(shard.records, exported),
    beside: `${rate(shard.records, fetched)} of the same pages fetched and thrown away`,
    ratio: fetched / exported,
    goal: atLeast(0.8, fetched / exported),
  };
}
