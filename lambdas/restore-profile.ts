import type { ParameterSetting } from '../src/contract.ts';
import type { Log } from '../src/log.ts';
import { readJson } from '../src/store/json.ts';
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

/** The remedy for a profile that cannot be read: its old values are nowhere else. */
const RESET = "set max_wal_size and checkpoint_timeout of the instance's parameter group back by hand";

/**
 * Takes the import profile back after an execution that failed, ran out of time or was aborted: a Catch in the state
 * machine would spoil the redrive. A run that never came to the profile has nothing to take back. Can be replayed.
 */
export async function restoreProfile(context: RestoreContext, event: unknown): Promise<void> {
  const { run, status } = readExecutionEnd(event);
  const profile =
    run === null ? null : await readJson<ImportProfile>(context.store, importProfileKey(run), RESET);
  if (!profile) return;
  const { restore } = profile;
  for (const batch of restore) await context.modify(batch);
  context.log.info('parameters restored', { run, status, batches: restore.length });
}
