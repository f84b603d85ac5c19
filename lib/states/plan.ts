import type { Chain } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { PlanStepInput, RunPointer } from '../../src/contract.ts';
import { invokeStep, RESULT } from './invoke-step.ts';
import { FIRST_CONTACT_RETRIES } from './retries.ts';
import type { Rooms } from './rooms.ts';

/** Plan → PrepareDatabase. Assigns `$plan` (PlanStepOutput), by which every later state points into the store. */
export function planStates(scope: Construct, { steps }: Rooms): Chain {
  const plan = invokeStep<PlanStepInput>(scope, 'Plan', steps.plan, {
    comment: 'Lists and profiles the collections, cuts them into shards and writes both lists to the store.',
    payload: { execution: '{% $states.context.Execution.Name %}', input: '{% $states.input %}' },
    assign: { plan: RESULT },
    retries: FIRST_CONTACT_RETRIES,
  });
  const prepareDatabase = invokeStep<RunPointer>(scope, 'PrepareDatabase', steps.prepareDatabase, {
    comment: 'Makes the vector extension, the ledger and an incoming schema for each collection.',
    payload: { run: '{% $plan.run %}' },
    retries: FIRST_CONTACT_RETRIES,
  });
  return plan.next(prepareDatabase);
}
