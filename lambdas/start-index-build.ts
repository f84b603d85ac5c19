import type {
  IndexBatchInput,
  IndexBatchOutput,
  IndexBuildInput,
  IndexBuildOutput,
} from '../src/contract.ts';
import { startBatch } from '../src/index-build/index-batch.ts';
import { startIndexBuild } from '../src/index-build/start-index-build.ts';
import { requireCollectionPlan } from '../src/plan/plan-file.ts';
import { log, openStore, openTarget } from './runtime.ts';
import { step } from './step.ts';

const store = await openStore();
const context = { database: await openTarget(), log, patienceMilliseconds: 10_000 };

const start = step(
  async (input: IndexBuildInput): Promise<IndexBuildOutput> =>
    startIndexBuild(context, await requireCollectionPlan(store, input.run, input.schema), input),
);

/** Builds what is missing of the indexes of a batch's collections; leaves what takes long to the server. */
export const handler = (
  batch: IndexBatchInput,
  lambda?: Parameters<typeof start>[1],
): Promise<IndexBatchOutput> => startBatch(batch, (input) => start(input, lambda));
