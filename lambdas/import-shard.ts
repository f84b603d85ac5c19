import type { ImportShardInput, ImportShardOutput } from '../src/contract.ts';
import { importShard } from '../src/shard/import-shard.ts';
import { stepOfEach } from './batch.ts';
import { log, openStore, openTarget } from './runtime.ts';

const context = { database: await openTarget(), store: await openStore(), log };

/** Imports a batch's shards from the store to Postgres, each in a transaction of its own. */
export const handler = stepOfEach(
  (shard: ImportShardInput): Promise<ImportShardOutput> => importShard(context, shard),
);
