import type { FindUnfinishedShardsOutput } from '../contract.ts';
import { deltaShards } from '../delta/delta-shards.ts';
import type { Log } from '../log.ts';
import { batchesOfShards } from '../plan/cut-batches.ts';
import { requirePlan, requireShards } from '../plan/plan-file.ts';
import type { Database } from '../postgres/database.ts';
import { countRejects, finishedShards, touchRun } from '../postgres/ledger.ts';
import { refuseRejects } from '../publish/reject-gate.ts';
import { repairRejects } from '../repair/repair-rejects.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';

/**
 * Asks the ledger, which is the truth, which shards of the plan are not in, and stores their list. Once all
 * are in it is the gate before the indexes: rejects are repaired if the policy says so, and unless it is `quarantine`
 * a run that has any left ends here, before hours are spent on what will not be published. Of a run that updates live
 * tables, what differs from them is found here, once it can be: it comes as further shards.
 *
 * @throws RecordsRejected
 */
export async function findUnfinishedShards(
  { database, store, log }: { database: Database; store: ShardStore; log: Log },
  run: string,
): Promise<FindUnfinishedShardsOutput> {
  const plan = await requirePlan(store, run);
  const planned = await requireShards(store, plan);
  return database.withClient(`find unfinished ${run}`, async (client) => {
    const finished = await finishedShards(client, run);
    // Imports do not wait for the disk. This commit does, and the log before it comes to the disk with it: no crash can
    // take away any more what is said to be in.
    await touchRun(client, run);
    const moved = plan.options.updateExisting
      ? await deltaShards(client, store, plan, planned, finished)
      : [];
    const unfinished = [...planned, ...moved].filter(
      ({ schema, number }) => !finished.has(`${schema}/${number}`),
    );
    if (unfinished.length === 0 && plan.options.onReject === 'repair') await repairRejects(client, plan, log);
    const rejected = await countRejects(client, run);
    log.info('shards in the ledger', {
      run,
      planned: planned.length + moved.length,
      unfinished: unfinished.length,
      rejected,
    });
    const batches = batchesOfShards(unfinished, plan.options.concurrency);
    await store.writeText(keys.unfinished(run), JSON.stringify(batches));
    if (unfinished.length === 0 && rejected > 0 && plan.options.onReject !== 'quarantine')
      await refuseRejects(client, run, rejected, plan.source);
    return { unfinished: unfinished.length, unfinishedKey: keys.unfinished(run), rejected };
  });
}
