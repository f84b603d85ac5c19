import pMap from 'p-map';
import type { RecordSource } from '../chroma/record-source.ts';
import { type Plan, type PlanStepInput, type PlanStepOutput, RUN_NAME, type ShardItem } from '../contract.ts';
import { InvalidInput } from '../errors.ts';
import type { Log } from '../log.ts';
import { MigrationInput, type MigrationRequest } from '../migration-input.ts';
import { sealed, textHash } from '../store/json.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import { batchesOfCollections, batchesOfShards } from './cut-batches.ts';
import { makePlan } from './make-plan.ts';
import { readPlan, requireShards, writePlan } from './plan-file.ts';

/** What decides which records lie in which shard: a run that goes on cannot change it. */
const FIXED_OPTIONS = [
  'collections',
  'tenants',
  'databases',
  'schema',
  'format',
  'shardBytes',
  'layout',
  'index',
  'updateExisting',
  'deleteMissing',
] as const satisfies (keyof MigrationInput)[];

/** Index builds and verifications that run at the same time: each one loads the database, not Chroma. */
const MOST_INDEX_BUILDS = 4;
const MOST_VERIFICATIONS = 8;

/**
 * Plans the run and stores the plan, or goes on with the plan that the run already has, with this
 * execution's concurrency and policies.
 *
 * @throws InvalidInput naming all mistakes of the execution's input at once
 */
export async function planStep(
  { chroma, store, log }: { chroma: RecordSource; store: ShardStore; log: Log },
  { execution, input }: PlanStepInput,
): Promise<PlanStepOutput> {
  const { options, request } = parseInput(input);
  const run = options.run ?? execution;
  if (!RUN_NAME.test(run))
    throw new InvalidInput(`The run's name "${run}" is not usable: name it with "run".`);
  const stored = await readPlan(store, run);
  const plan = stored
    ? continued(stored, chroma, options, request)
    : await storePlan(store, await makePlan(chroma, run, options, store, log));
  if (stored) await writeParts(store, plan, await requireShards(store, plan));
  const shards = plan.collections.reduce((sum, collection) => sum + collection.shards, 0);
  const records = plan.collections.reduce((sum, collection) => sum + collection.records, 0);
  log.info('planned', {
    run,
    collections: plan.collections.length,
    shards,
    records,
    continued: stored !== null,
  });
  return {
    run,
    planKey: keys.plan(run),
    shardsKey: keys.shardBatches(run),
    collectionsKey: keys.collectionBatches(run),
    collections: plan.collections.length,
    shards,
    records,
    concurrency: plan.options.concurrency,
    indexConcurrency: Math.min(plan.options.concurrency, MOST_INDEX_BUILDS),
    verifyConcurrency: Math.min(plan.options.concurrency, MOST_VERIFICATIONS),
    tune: plan.options.tune,
    allowReboot: plan.options.allowReboot,
  };
}

/** Objects that are written to the store at the same time. */
const WRITES_AT_A_TIME = 16;

export function parseInput(input: unknown): { options: MigrationInput; request: MigrationRequest } {
  const request = input ?? {};
  const parsed = MigrationInput.safeParse(request);
  if (parsed.success && parsed.data.deleteMissing && !parsed.data.updateExisting)
    throw new InvalidInput(
      'What Chroma no longer holds is deleted from live tables only: pass --update-existing with --delete-missing.',
    );
  if (parsed.success && parsed.data.updateExisting && parsed.data.onReject === 'repair')
    throw new InvalidInput(
      'Records are repaired in new tables only: pass --on-reject quarantine with --update-existing, or migrate anew.',
    );
  if (parsed.success) return { options: parsed.data, request: request as MigrationRequest };
  const mistakes = parsed.error.issues.map(({ path, message }) =>
    path.length > 0 ? `${path.join('.')}: ${message}` : message,
  );
  throw new InvalidInput(`The execution's input is not understood: ${mistakes.join('; ')}.`);
}

/** Writes all that is made of the plan, and it last: what the store has lost of it is there again when a run goes on. */
async function writeParts(store: ShardStore, plan: Plan, shards: readonly ShardItem[]): Promise<void> {
  const { concurrency } = plan.options;
  await store.writeText(keys.shardBatches(plan.run), JSON.stringify(batchesOfShards(shards, concurrency)));
  await store.writeText(
    keys.collectionBatches(plan.run),
    JSON.stringify(batchesOfCollections(plan, concurrency)),
  );
  await pMap(
    plan.collections,
    (collection) => store.writeText(keys.collectionPlan(plan.run, collection.schema), sealed(collection)),
    { concurrency: WRITES_AT_A_TIME },
  );
  await writePlan(store, plan);
}

/** Stores a new plan: its shards and collections as the state machine's maps read them, then the plan. */
export async function storePlan(
  store: ShardStore,
  { plan, shards }: Awaited<ReturnType<typeof makePlan>>,
): Promise<Plan> {
  const list = JSON.stringify(shards);
  const stored: Plan = { ...plan, shardsHash: textHash(list) };
  await store.writeText(keys.shards(plan.run), list);
  await writeParts(store, stored, shards);
  return stored;
}

function continued(
  plan: Plan,
  chroma: RecordSource,
  options: MigrationInput,
  request: MigrationRequest,
): Plan {
  if (plan.source !== chroma.origin)
    throw new InvalidInput(
      `Run "${plan.run}" reads ${plan.source}, not ${chroma.origin}: pass that source, or another --run.`,
    );
  const changed = FIXED_OPTIONS.filter(
    (option) =>
      request[option] !== undefined &&
      JSON.stringify(options[option]) !== JSON.stringify(plan.options[option]),
  );
  if (changed.length > 0)
    throw new InvalidInput(
      `Run "${plan.run}" was planned with another ${changed.join(', ')}: leave that out to go on with it, or pass another --run.`,
    );
  const fixed = Object.fromEntries(FIXED_OPTIONS.map((option) => [option, plan.options[option]]));
  return { ...plan, options: { ...options, ...fixed } };
}
