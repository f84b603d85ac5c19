import type { RecommendParametersOutput, RunPointer } from '../src/contract.ts';
import { requirePlan } from '../src/plan/plan-file.ts';
import { recommendParameters } from '../src/tune/recommend-parameters.ts';
import { log, openStore, openTarget } from './runtime.ts';
import { step } from './step.ts';

const store = await openStore();
const database = await openTarget();

/** Computes settings from the instance and the data; the state machine applies what it returns. */
export const handler = step(
  async ({ run }: RunPointer): Promise<RecommendParametersOutput> =>
    recommendParameters({ database, store, log }, await requirePlan(store, run)),
);
