import type { ImportShardInput, ImportShardOutput } from '../src/contract.ts';
import { importShard } from '../src/shard/import-shard.ts';
import { log, openStore, openTarget } from './runtime.ts';
import { step } from './step.ts';

const context = { database: await openTarget(), store: await openStore(), log };

/** Imports one shard from the store to Postgres. */
export const handler = step(
  (event: ImportShardInput): Promise<ImportShardOutput> => importShard(context, event),
);
