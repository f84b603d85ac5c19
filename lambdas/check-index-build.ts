import type {
  IndexBatchInput,
  IndexBatchOutput,
  IndexBuildInput,
  IndexBuildOutput,
} from '../src/contract.ts';
import { checkIndexBuild } from '../src/index-build/check-index-build.ts';
import { checkBatch } from '../src/index-build/index-batch.ts';
import { log, openTarget } from './runtime.ts';
import { step } from './step.ts';

const context = { database: await openTarget(), log };

const check = step((input: IndexBuildInput): Promise<IndexBuildOutput> => checkIndexBuild(context, input));

/** Looks how far a build is that was left to the server. */
export const handler = (
  batch: IndexBatchInput,
  lambda?: Parameters<typeof check>[1],
): Promise<IndexBatchOutput> => checkBatch(batch, (input) => check(input, lambda));
