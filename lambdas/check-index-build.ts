import type { IndexBuildInput, IndexBuildOutput } from '../src/contract.ts';
import { checkIndexBuild } from '../src/index-build/check-index-build.ts';
import { log, openTarget } from './runtime.ts';
import { step } from './step.ts';

const context = { database: await openTarget(), log };

/** Looks how far a build is that was left to the server. */
export const handler = step(
  (event: IndexBuildInput): Promise<IndexBuildOutput> => checkIndexBuild(context, event),
);
