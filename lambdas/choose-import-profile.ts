import type { RunPointer } from '../src/contract.ts';
import { requirePlan } from '../src/plan/plan-file.ts';
import { chooseImportProfile, type ImportProfile } from './import-profile.ts';
import { importProfileKey } from './restore-profile.ts';
import { databaseStorageBytes, openStore, openTarget } from './runtime.ts';
import { step } from './step.ts';

const store = await openStore();
const database = await openTarget();

/** Computes what the server is set to while the run loads; the state machine sets what it returns. */
export const handler = step(async ({ run }: RunPointer): Promise<ImportProfile> => {
  const profile = await chooseImportProfile(database, await requirePlan(store, run), databaseStorageBytes());
  // Where a function outside the VPC finds the old values when the run has failed.
  await store.writeText(importProfileKey(run), `${JSON.stringify(profile)}\n`);
  return profile;
});
