/** `plan.json` of a run and its lists, for the steps that read them: they load nothing of what makes a plan. */
import type { CollectionPlan, Plan, ShardItem } from '../contract.ts';
import { StoreRefused } from '../errors.ts';
import { sealed, textHash, unsealed } from '../store/json.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';

/** The plan is written last and whole: where it is, the lists of shards and collections are too. */
export async function writePlan(store: ShardStore, plan: Plan): Promise<void> {
  const { collections: _, ...head } = plan;
  await store.writeText(keys.planHead(plan.run), sealed(head));
  await store.writeText(keys.plan(plan.run), sealed(plan));
}

/** The plan of a run; null if it has none. @throws StoreRefused if it is not what was written */
export async function readPlan(store: ShardStore, run: string): Promise<Plan | null> {
  const text = await store.readText(keys.plan(run));
  if (text === null) return null;
  try {
    return unsealed<Plan>(text);
  } catch (cause) {
    throw lost(store, keys.plan(run), cause);
  }
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
    readPart<Omit<Plan, 'collections'>>(store, keys.planHead(run)),
    readPart<CollectionPlan>(store, keys.collectionPlan(run, schema)),
  ]);
  if (head === null || collection === null)
    throw new StoreRefused(
      `The store ${store.url} has no plan of "${schema}" in run "${run}": pass the store that the run was started with, or go on with the same --run.`,
    );
  return { ...head, collections: [collection] };
}

/** A part of the plan, which is written anew when the run goes on. */
async function readPart<T extends object>(store: ShardStore, key: string): Promise<T | null> {
  const text = await store.readText(key);
  if (text === null) return null;
  try {
    return unsealed<T>(text);
  } catch (cause) {
    throw new StoreRefused(
      `The store's ${store.urlOf(key)} is not what was written: go on with the same --run, which writes it anew.`,
      { cause },
    );
  }
}

/** The shards of a plan. @throws StoreRefused if they are not those that were planned */
export async function requireShards(store: ShardStore, { run, shardsHash }: Plan): Promise<ShardItem[]> {
  const text = await store.readText(keys.shards(run));
  if (text === null || (shardsHash !== undefined && textHash(text) !== shardsHash))
    throw lost(store, keys.shards(run));
  return JSON.parse(text) as ShardItem[];
}

const lost = (store: ShardStore, key: string, cause?: unknown) =>
  new StoreRefused(
    `The store's ${store.urlOf(key)} is lost or not what was written: restore it from a copy, or start a new run.`,
    { cause },
  );
