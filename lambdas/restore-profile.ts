import { z } from 'zod';
import { type ParameterSetting, RUN_NAME } from '../src/contract.ts';
import type { Log } from '../src/log.ts';
import type { ShardStore } from '../src/store/store.ts';
import type { ImportProfile } from './import-profile.ts';

/** What EventBridge sends of an execution that has ended, as far as it is read. */
const ExecutionEnded = z.object({
  detail: z.object({
    name: z.string(),
    status: z.string(),
    /** Null if it is larger than an event may be. */
    input: z.string().nullish(),
  }),
});

export interface RestoreContext {
  store: ShardStore;
  log: Log;
  /** Sets a parameter group's settings, one call of at most 20. */
  modify: (settings: ParameterSetting[]) => Promise<void>;
}

export const importProfileKey = (run: string): string => `runs/${run}/import-profile.json`;

/**
 * Takes the import profile back after an execution that failed, ran out of time or was aborted: a Catch in the state
 * machine would spoil the redrive. A run that never came to the profile has nothing to take back. Can be replayed.
 */
export async function restoreProfile(context: RestoreContext, event: unknown): Promise<void> {
  const { detail } = ExecutionEnded.parse(event);
  const run = runOf(detail);
  const text = run === null ? null : await context.store.readText(importProfileKey(run));
  if (text === null) return;
  const { restore } = JSON.parse(text) as ImportProfile;
  for (const batch of restore) await context.modify(batch);
  context.log.info('parameters restored', { run, status: detail.status, batches: restore.length });
}

/** The run of an execution, as Plan names it: by its input, or else by the execution. */
function runOf({ name, input }: z.infer<typeof ExecutionEnded>['detail']): string | null {
  const said: unknown = input ? JSON.parse(input) : {};
  const run = said !== null && typeof said === 'object' && 'run' in said ? said.run : name;
  return typeof run === 'string' && RUN_NAME.test(run) ? run : null;
}
