import type { Construct } from 'constructs';
import type { RunPointer } from '../../src/contract.ts';
import { invokeStep } from './invoke-step.ts';
import type { Rooms } from './rooms.ts';

/** Publish: the one state that changes what readers see. */
export const publicationState = (scope: Construct, { steps }: Rooms) =>
  invokeStep<RunPointer>(scope, 'Publish', steps.publish, {
    comment:
      'One transaction puts the incoming tables in the place of the live ones and keeps those as previous.',
    payload: { run: '{% $plan.run %}' },
  });
