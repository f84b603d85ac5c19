import type { IndexBuildInput, IndexBuildOutput } from '../contract.ts';
import { type Log, reportProgress } from '../log.ts';
import type { Database } from '../postgres/database.ts';
import { indexState } from './index-state.ts';
import { finishLeftBuilds } from './ledger.ts';
import { waitSeconds } from './wait.ts';

/**
 * Looks how far a build is that was left to the server. Where nothing is being built it says `stopped`: what is
 * missing, if anything, is for the next start to find.
 */
export async function checkIndexBuild(
  { database, log }: { database: Database; log: Log },
  { run, schema, collection, looks }: IndexBuildInput,
): Promise<IndexBuildOutput> {
  return database.withClient(`look at ${run}`, async (client) => {
    const { valid, building } = await indexState(client, run, schema);
    await finishLeftBuilds(client, run, schema, valid);
    const index = building?.index ?? null;
    const percent = building?.percent ?? null;
    if (building)
      reportProgress(log, {
        ...{ phase: 'index', schema },
        ...(index !== null && { index }),
        ...(percent !== null && { percent }),
      });
    const state = building ? 'building' : 'stopped';
    return {
      ...{ run, schema, collection, state, index, percent },
      ...{ looks: looks + 1, waitSeconds: waitSeconds(looks, building) },
    };
  });
}
