import type { IndexBuildInput, IndexBuildOutput } from '../src/contract.ts';
import { startIndexBuild } from '../src/index-build/start-index-build.ts';
import { requireCollectionPlan } from '../src/plan/plan-file.ts';
import { log, openStore, openTarget } from './runtime.ts';
import { step } from './step.ts';

const store = await openStore();
const context = { database: await openTarget(), log, patienceMilliseconds: 10_000 };

/** Builds what is missing of a collection's indexes; leaves what takes long to the server. */
export const handler = step(
  async (event: IndexBuildInput): Promise<IndexBuildOutput> =>
    startIndexBuild(context, await requireCollectionPlan(store, event.run, event.schema), event),
);
