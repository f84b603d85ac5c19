import type { ExportShardOutput, ShardItem } from '../src/contract.ts';
import { exportShard } from '../src/shard/export-shard.ts';
import { log, openChroma, openStore } from './runtime.ts';
import { step } from './step.ts';

const context = { chroma: await openChroma(), store: await openStore(), log };

/** Exports one shard from Chroma to the store. */
export const handler = step((event: ShardItem): Promise<ExportShardOutput> => exportShard(context, event));
