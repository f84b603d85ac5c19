import type { ParameterSetting } from '../src/contract.ts';
import type { Log } from '../src/log.ts';
import type { ShardStore } from '../src/store/store.ts';
import { readExecutionEnd } from './execution-end.ts';
import type { ImportProfile } from './import-profile.ts';

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
  const { run, status } = readExecutionEnd(event);
  const text = run === null ? null : await context.store.readText(importProfileKey(run));
  if (text === null) return;
  const { restore } = JSON.parse(text) as ImportProfile;
  for (const batch of restore) await context.modify(batch);
  context.log.info('parameters restored', { run, status, batches: restore.length });
}
