import type { RecommendParametersOutput, RunPointer } from '../src/contract.ts';
import { requirePlan } from '../src/plan/plan-file.ts';
import { recommendParameters } from '../src/tune/recommend-parameters.ts';
import { log, openStore, openTarget } from './runtime.ts';

const store = await openStore();
const database = await openTarget();

/** Computes settings from the instance and the data; the state machine applies what it returns. */
export const handler = async ({ run }: RunPointer): Promise<RecommendParametersOutput> =>
  recommendParameters({ database, store, log }, await requirePlan(store, run));
