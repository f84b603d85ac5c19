import type { Plan, RecommendParametersOutput, TunePolicy } from '../contract.ts';
import type { Log } from '../log.ts';
import type { Database } from '../postgres/database.ts';
import { parameterChangesOf, recordParameterChange } from '../postgres/ledger.ts';
import type { ParameterReport } from '../report/report.ts';
import { readJson } from '../store/json.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import type { Verification } from '../verify/verification.ts';
import { alterDatabase, parameterBatches } from './apply-settings.ts';
import { memoryOf, readServer, type Server } from './read-server.ts';
import { recommendSettings } from './recommend-settings.ts';
import { workloadOf } from './workload.ts';

export interface TuneContext {
  database: Database;
  store: ShardStore;
  log: Log;
}

/**
 * Computes the server's settings, sets the database's own (policies `apply` and `search`), hands the instance's to
 * the state machine (`apply`), and writes all to `runs/<run>/parameters.json`. What is set has its old value in the
 * ledger first. Can be replayed: a second call sets the same values and records none again.
 *
 * @throws TargetUnavailable, StoreUnavailable
 */
export async function recommendParameters(
  { database, store, log }: TuneContext,
  plan: Plan,
): Promise<RecommendParametersOutput> {
  const efSearch = await measuredEfSearch(store, plan);
  const parameters = await database.withClient(`tune ${plan.run}`, async (client) => {
    const server = await readServer(client);
    const earlier = await parameterChangesOf(client, plan.run);
    // Old values are those before this run, also if an earlier call has set new ones already.
    for (const { name, oldValue } of earlier) {
      const setting = server.current.get(name);
      if (setting && oldValue !== null) server.current.set(name, { ...setting, setting: oldValue });
    }
    const recommended = recommendSettings({
      ...memoryOf(server, plan.options.instanceMemoryBytes),
      vcpus: null,
      workload: workloadOf(plan, efSearch),
      current: server.current,
    });
    const chosen = choose(recommended, server, plan.options.tune, log);
    const applied = chosen.filter((parameter) => parameter.applied);
    const recorded = new Set(earlier.map(({ name }) => name));
    await client.query('begin');
    for (const parameter of applied)
      if (!recorded.has(parameter.name)) await recordParameterChange(client, { run: plan.run, ...parameter });
    await alterDatabase(
      client,
      server.database,
      applied.filter(({ scope }) => scope === 'database'),
    );
    await client.query('commit');
    return chosen;
  });
  await store.writeText(keys.parameters(plan.run), `${JSON.stringify(parameters, null, 2)}\n`);
  const forInstance = parameters.filter(({ scope, applied }) => applied && scope === 'instance');
  log.info('parameters recommended', {
    run: plan.run,
    recommended: parameters.map(({ name }) => name),
    applied: parameters.filter(({ applied }) => applied).map(({ name }) => name),
  });
  return {
    run: plan.run,
    batches: parameterBatches(forInstance),
    rebootNeeded: forInstance.some(({ needsReboot }) => needsReboot),
  };
}

/** Marks what is applied under the policy. */
function choose(
  recommended: ParameterReport[],
  { embedded, ownsDatabase, database }: Server,
  policy: TunePolicy,
  log: Log,
): ParameterReport[] {
  const forDatabase = !embedded && (policy === 'apply' || policy === 'search');
  if (forDatabase && !ownsDatabase && recommended.some(({ scope }) => scope === 'database'))
    log.warn(
      `The role of --target does not own the database "${database}", so its search settings are only reported: let the owner set them.`,
    );
  const applied: Record<ParameterReport['scope'], boolean> = {
    database: forDatabase && ownsDatabase,
    instance: !embedded && policy === 'apply',
  };
  return recommended.map((parameter) => ({ ...parameter, applied: applied[parameter.scope] }));
}

/** Verifications read at a time: enough to hide the store's latency at 10,000 collections. */
const READS_AT_A_TIME = 32;

/** The `hnsw.ef_search` with which verification measured each schema's recall, where it did. */
async function measuredEfSearch(store: ShardStore, plan: Plan): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (let start = 0; start < plan.collections.length; start += READS_AT_A_TIME) {
    const some = plan.collections.slice(start, start + READS_AT_A_TIME);
    await Promise.all(
      some.map(async ({ schema }) => {
        const verification = await readJson<Verification>(store, keys.verification(plan.run, schema));
        const efSearch = verification?.searches.efSearch ?? null;
        if (efSearch !== null) found.set(schema, efSearch);
      }),
    );
  }
  return found;
}
