/** `plan.json` of a run, for the steps that read it: they load nothing of what makes a plan. */
import type { CollectionPlan, Plan } from '../contract.ts';
import { StoreRefused } from '../errors.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';

/** The plan is written last and whole: where it is, the lists of shards and collections are too. */
export async function writePlan(store: ShardStore, plan: Plan): Promise<void> {
  const { collections: _, ...head } = plan;
  await store.writeText(keys.planHead(plan.run), JSON.stringify(head));
  await store.writeText(keys.plan(plan.run), `${JSON.stringify(plan, null, 2)}\n`);
}

/** The plan of a run; null if it has none. */
export async function readPlan(store: ShardStore, run: string): Promise<Plan | null> {
  const text = await store.readText(keys.plan(run));
  return text === null ? null : (JSON.parse(text) as Plan);
}

/** The plan of a run that must have one. @throws StoreRefused */
export async function requirePlan(store: ShardStore, run: string): Promise<Plan> {
  const plan = await readPlan(store, run);
  if (plan) return plan;
  throw new StoreRefused(
    `The store ${store.url} has no plan of run "${run}": pass the store that the run was started with.`,
  );
}

/**
 * The plan of a run as if it had that one collection. The whole plan of 10,000 collections is tens of megabytes, and
 * steps that work on one of them come three times to each.
 *
 * @throws StoreRefused
 */
export async function requireCollectionPlan(store: ShardStore, run: string, schema: string): Promise<Plan> {
  const [head, collection] = await Promise.all([
    store.readText(keys.planHead(run)),
    store.readText(keys.collectionPlan(run, schema)),
  ]);
  if (head === null || collection === null)
    throw new StoreRefused(
      `The store ${store.url} has no plan of "${schema}" in run "${run}": pass the store that the run was started with.`,
    );
  return {
    ...(JSON.parse(head) as Omit<Plan, 'collections'>),
    collections: [JSON.parse(collection) as CollectionPlan],
  };
}
