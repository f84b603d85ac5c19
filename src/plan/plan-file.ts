/** `plan.json` of a run, for the steps that read it: they load nothing of what makes a plan. */
import type { Plan } from '../contract.ts';
import { StoreRefused } from '../errors.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';

/** The plan is written last and whole: where it is, the lists of shards and collections are too. */
export const writePlan = (store: ShardStore, plan: Plan) =>
  store.writeText(keys.plan(plan.run), `${JSON.stringify(plan, null, 2)}\n`);

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
