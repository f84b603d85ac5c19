import type { PrepareDatabaseOutput, RunPointer } from '../src/contract.ts';
import { requirePlan } from '../src/plan/plan-file.ts';
import { prepareDatabase } from '../src/postgres/prepare-database.ts';
import { log, openStore, openTarget } from './runtime.ts';
import { step } from './step.ts';

const store = await openStore();
const database = await openTarget();

/** Makes the extension, the ledger and an incoming schema for each collection. */
export const handler = step(
  async ({ run }: RunPointer): Promise<PrepareDatabaseOutput> =>
    prepareDatabase(database, await requirePlan(store, run), log),
);
