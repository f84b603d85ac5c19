import type { RecordSource } from '../chroma/record-source.ts';
import { MigrationInput } from '../migration-input.ts';
import { makePlan } from '../plan/make-plan.ts';
import { collectionChecksum } from '../postgres/digest.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import { type LiveRun, liveRuns } from './live-runs.ts';
import { digestShards, type SourceSum, type VerifyLiveContext } from './verify-live.ts';

/** What a side holds of a collection. */
export interface Held {
  records: number;
  checksum: string;
}

/** Whether a live collection may go back to Chroma. */
export interface AsItWas {
  collection: string;
  schema: string;
  /** Run whose tables are live. */
  run: string;
  safe: boolean;
  /** What the ledger says that the run read from Chroma; null if it has forgotten the run. */
  ledger: Held | null;
  /** What Chroma holds now; null if it has no such collection, or the ledger has forgotten which it was. */
  chroma: Held | null;
  /** What the live tables hold now. */
  postgres: Held;
  /** One sentence for each thing that is not as it was; empty if safe. */
  differences: string[];
}

/**
 * Reads every record of the live collections from Chroma again and compares count and checksum with what the ledger
 * holds of the run that is live, and the live tables with what that run left in them: what was written to Postgres
 * since is not in Chroma. Changes nothing on either side.
 *
 * @param name of one collection or its schema; all that are live by default
 */
export async function sourceAsItWas(context: VerifyLiveContext, name?: string): Promise<AsItWas[]> {
  const live = (await context.database.withClient('verify', liveRuns)).filter(
    ({ collection, schema }) => name === undefined || name === collection || name === schema,
  );
  const records = live.reduce((sum, { ledger }) => sum + (ledger ? held(ledger).records : 0), 0);
  context.log.info('planned', { records, collections: live.length });
  const found: AsItWas[] = [];
  for (const one of live) found.push(await compare(context, one, found.length));
  return found;
}

async function compare(context: VerifyLiveContext, live: LiveRun, place: number): Promise<AsItWas> {
  const { collection, schema, run, ledger } = live;
  const chroma = ledger && (await heldByChroma(context, live, ledger, `as-it-was-${place}`));
  const postgres = await context.database.withClient('verify', (client) =>
    collectionChecksum(client, layoutOf(live), schema),
  );
  const differences = [...chromaDifferences(live, chroma), ...postgresDifferences(live, postgres)];
  return {
    ...{ collection, schema, run, safe: differences.length === 0 },
    ledger: ledger && held(ledger),
    chroma: chroma && held(chroma),
    postgres: { records: postgres.records, checksum: postgres.checksum },
    differences,
  };
}

/** Records that Postgres cannot hold are Chroma's all the same. */
const held = ({ loaded, rejected, checksum }: Omit<SourceSum, 'vanished'>): Held => ({
  records: loaded + rejected,
  checksum,
});

/** @returns null if Chroma has no such collection */
async function heldByChroma(
  context: VerifyLiveContext,
  { schema, collection }: LiveRun,
  { tenant, database }: NonNullable<LiveRun['ledger']>,
  run: string,
): Promise<SourceSum | null> {
  const { chroma, store } = context;
  if (!(await isThere(chroma, { tenant, database, collection }))) return null;
  const options = MigrationInput.parse({
    tenants: [tenant],
    databases: [database],
    collections: [collection],
  });
  const { shards } = await makePlan(chroma, run, options, store);
  return digestShards(context, shards, schema);
}

async function isThere(
  chroma: RecordSource,
  { tenant, database, collection }: { tenant: string; database: string; collection: string },
): Promise<boolean> {
  if (!(await chroma.databases(tenant)).includes(database)) return false;
  return (await chroma.collections(tenant, database)).some(({ name }) => name === collection);
}

function chromaDifferences({ run, ledger }: LiveRun, chroma: SourceSum | null): string[] {
  if (!ledger) return [`The ledger has forgotten run "${run}", and with it what Chroma held.`];
  if (!chroma) return [`Chroma has no such collection in database "${ledger.database}".`];
  const [before, now] = [held(ledger), held(chroma)];
  if (before.records !== now.records)
    return [`Chroma holds ${now.records} records and held ${before.records}.`];
  if (ledger.rejected !== chroma.rejected || before.checksum !== now.checksum)
    return [
      `Chroma holds ${now.records} records as it did, and other content: its checksum is ${now.checksum} and was ${before.checksum}.`,
    ];
  return [];
}

function postgresDifferences({ ledger }: LiveRun, { records, checksum }: Held): string[] {
  if (!ledger || checksum === ledger.targetChecksum) return [];
  return [
    `Postgres was written to since (${records} records, checksum ${checksum}, which was ${ledger.targetChecksum}): that is not in Chroma.`,
  ];
}
