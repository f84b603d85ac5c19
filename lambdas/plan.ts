import type { PlanStepInput, PlanStepOutput } from '../src/contract.ts';
import { planStep } from '../src/plan/store-plan.ts';
import { log, openChroma, openStore } from './runtime.ts';
import { step } from './step.ts';

const context = { chroma: await openChroma(), store: await openStore(), log };

/** Looks at what Chroma holds, cuts it into shards and stores the plan. */
export const handler = step((event: PlanStepInput): Promise<PlanStepOutput> => planStep(context, event));
