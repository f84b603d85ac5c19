import type pg from 'pg';
import type { Plan, ShardItem } from '../contract.ts';
import type { ShardStore } from '../store/store.ts';
import { findDifferences, readDelta } from './differences.ts';
import { updateStates } from './ledger.ts';

/**
 * Shards of what differs from the live tables, of those collections whose digests are all in.
 * @param finished `schema/number` of the shards that the ledger has
 */
export async function deltaShards(
  client: pg.Client,
  store: ShardStore,
  plan: Plan,
  planned: readonly ShardItem[],
  finished: ReadonlySet<string>,
): Promise<ShardItem[]> {
  const states = await updateStates(client, plan.run);
  const bySchema = Map.groupBy(planned, ({ schema }) => schema);
  const found: ShardItem[] = [];
  for (const { schema } of plan.collections) {
    const shards = bySchema.get(schema) ?? [];
    if (shards.some(({ number }) => !finished.has(`${schema}/${number}`))) continue;
    const state = states.get(schema);
    const delta = state?.published
      ? await readDelta(store, plan.run, schema)
      : await findDifferences(client, store, plan, { schema, shards, live: state?.updatesLive ?? false });
    found.push(...(delta?.shards ?? []));
  }
  return found;
}
