import type { PublishOutput, RunPointer } from '../src/contract.ts';
import { publish } from '../src/publish/publish.ts';
import { log, openTarget } from './runtime.ts';
import { step } from './step.ts';

const database = await openTarget();

/** Puts the incoming tables in the place of the live ones, in one transaction. */
export const handler = step(({ run }: RunPointer): Promise<PublishOutput> => publish(database, run, log));
