import type { FindUnfinishedShardsOutput, RunPointer } from '../src/contract.ts';
import { findUnfinishedShards } from '../src/shard/find-unfinished-shards.ts';
import { log, openStore, openTarget } from './runtime.ts';
import { step } from './step.ts';

const context = { database: await openTarget(), store: await openStore(), log };

/** Asks the ledger which shards are not in; fails on rejects if the run's policy says so. */
export const handler = step(
  ({ run }: RunPointer): Promise<FindUnfinishedShardsOutput> => findUnfinishedShards(context, run),
);
