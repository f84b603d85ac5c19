import { totalmem } from 'node:os';
import type { Plan, ShardItem } from '../src/contract.ts';
import { startIndexBuild } from '../src/index-build/start-index-build.ts';
import { silentLog } from '../src/log.ts';
import { incomingSchema } from '../src/postgres/collection-schema.ts';
import { prepareDatabase } from '../src/postgres/prepare-database.ts';
import { exportShard } from '../src/shard/export-shard.ts';
import { importShard } from '../src/shard/import-shard.ts';
import { type Collection, planOneShard, type Setting } from './setting.ts';

/** A collection whose rows are in, and whose keys and indexes stand. */
export interface LoadedCollection {
  plan: Plan;
  shard: ShardItem;
  /** In which its tables are. */
  schema: string;
  /** Builds what is missing of its indexes, as the product does. */
  build(): Promise<void>;
}

/** Moves a collection with the engine's own steps as far as the verification. */
export async function loadCollection(
  setting: Setting,
  run: string,
  collection: Collection,
): Promise<LoadedCollection> {
  const { database, store, chroma } = setting;
  const { plan: planned, shard } = await planOneShard(setting, run, collection);
  const plan: Plan = { ...planned, options: { ...planned.options, instanceMemoryBytes: totalmem() } };
  await prepareDatabase(database, plan, silentLog);
  const { manifestKey } = await exportShard({ chroma, store, log: silentLog }, shard);
  await importShard({ database, store, log: silentLog }, { ...shard, manifestKey });
  const build = async () => {
    const context = { database, log: silentLog, patienceMilliseconds: 600_000 };
    const { state } = await startIndexBuild(context, plan, {
      ...{ run, schema: shard.schema, collection: collection.name, looks: 0 },
    });
    if (state !== 'valid') throw new Error(`The build is ${state}`);
  };
  await build();
  return { plan, shard, schema: incomingSchema(shard.schema), build };
}
