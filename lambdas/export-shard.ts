import type { ExportShardOutput, ShardItem } from '../src/contract.ts';
import { ExportMemory, exportShard } from '../src/shard/export-shard.ts';
import { stepOfEach } from './batch.ts';
import { log, openChroma, openStore } from './runtime.ts';

const context = { chroma: await openChroma(), store: await openStore(), log, memory: new ExportMemory() };

/** Exports a batch's shards from Chroma to the store. */
export const handler = stepOfEach(
  (shard: ShardItem): Promise<ExportShardOutput> => exportShard(context, shard),
);
