import type { ExportShardOutput, ShardItem } from '../src/contract.ts';
import { exportShard } from '../src/shard/export-shard.ts';
import { stepOfEach } from './batch.ts';
import { log, openChroma, openStore } from './runtime.ts';

const context = { chroma: await openChroma(), store: await openStore(), log };

/** Exports a batch's shards from Chroma to the store. */
export const handler = stepOfEach(
  (shard: ShardItem): Promise<ExportShardOutput> => exportShard(context, shard),
);
