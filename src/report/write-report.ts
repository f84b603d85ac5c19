import pMap from 'p-map';
import type { CollectionPlan, Plan, WriteReportInput, WriteReportOutput } from '../contract.ts';
import { type Delta, readDelta } from '../delta/differences.ts';
import { MigrationError, StoreRefused, VerificationFailed } from '../errors.ts';
import type { Log } from '../log.ts';
import { MigrationInput } from '../migration-input.ts';
import { readPlan } from '../plan/plan-file.ts';
import { collectionSchema } from '../postgres/collection-schema.ts';
import type { Database } from '../postgres/database.ts';
import { endRun } from '../postgres/ledger.ts';
import { pgvectorWarnings } from '../postgres/pgvector-version.ts';
import { type RunLedger, readRunLedger } from '../postgres/run-ledger.ts';
import { accountOfShards } from '../shard/shard-account.ts';
import { readJson, writeJson } from '../store/json.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import type { SourceChanges } from '../verify/source-changes.ts';
import type { Verification } from '../verify/verification.ts';
import { certificateOf, certificateText } from './certificate.ts';
import { renderReportHtml } from './html.ts';
import { coveredSeconds } from './intervals.ts';
import type { CollectionReport, DeltaReport, ParameterReport, RunReport, ShardReport } from './report.ts';
import { outsideOfSparseColumns } from './sparse-columns.ts';

export interface ReportContext {
  database: Database;
  store: ShardStore;
  log: Log;
}

/** Rejects that a report lists one by one; all of them are in the store. */
const REJECTS_LISTED = 1000;
const READS_AT_A_TIME = 16;

/**
 * Gathers what ledger and store know of a run, ends the run in the ledger, and writes its report as JSON and
 * HTML, and its certificate. A run that failed early, or whose database is away, gets the report of what is known.
 */
export async function writeReport(
  context: ReportContext,
  input: WriteReportInput,
): Promise<WriteReportOutput & { report: RunReport; htmlUrl: string }> {
  const { run } = input;
  const report = await collectReport(context, input);
  const reportKey = keys.reportJson(run);
  const htmlKey = keys.reportHtml(run);
  await writeJson(context.store, reportKey, report);
  await context.store.writeText(keys.certificate(run), certificateText(certificateOf(report)));
  await context.store.writeText(htmlKey, renderReportHtml(report), 'text/html; charset=utf-8');
  context.log.info('report written', { run, status: report.status, report: context.store.urlOf(htmlKey) });
  return { run, reportKey, htmlKey, report, htmlUrl: context.store.urlOf(htmlKey) };
}

/** The report, without writing it: for a run whose store takes nothing any more. Ends the run in the ledger. */
export async function collectReport(
  { database, store, log }: ReportContext,
  input: WriteReportInput,
): Promise<RunReport> {
  const { run, status } = input;
  const plan = await asFarAsWhole(status, readPlan(store, run));
  const ledger = await readLedger(database, log, input, plan);
  const finishedAt = new Date().toISOString();
  const startedAt = ledger?.startedAt ?? plan?.createdAt ?? finishedAt;
  const shardsOf = Map.groupBy(ledger?.shards ?? [], ({ schema }) => schema);
  const collections = await pMap(
    plan?.collections ?? [],
    (one) => collectionReport(store, input, plan as Plan, one, shardsOf.get(one.schema) ?? [], ledger),
    { concurrency: READS_AT_A_TIME },
  );
  return {
    version: 1,
    run,
    status,
    error: input.error ?? null,
    startedAt,
    finishedAt,
    source: { version: plan?.sourceVersion ?? '' },
    target: {
      postgresVersion: ledger?.postgresVersion ?? '',
      pgvectorVersion: ledger?.pgvectorVersion ?? '',
    },
    store: store.url,
    options: plan?.options ?? MigrationInput.parse({}),
    warnings: [
      ...(plan?.warnings ?? []),
      ...(ledger ? pgvectorWarnings(ledger.pgvectorVersion) : []),
      ...quarantined(plan, ledger),
      ...replaced(ledger),
      ...repaired(ledger),
      ...collections.flatMap(outsideOfIndexes),
      ...collections.flatMap(outsideOfSparseColumns),
      ...spilled(ledger),
      ...lostDigests(collections),
      ...writtenMeanwhile(collections),
    ],
    collections,
    shards: ledger?.shards ?? [],
    rejects: ledger?.rejects ?? [],
    rejected: ledger?.rejected ?? 0,
    repaired: ledger?.repaired ?? 0,
    indexBuilds: ledger?.indexBuilds ?? [],
    parameters: (await asFarAsWhole(status, readJson<ParameterReport[]>(store, keys.parameters(run)))) ?? [],
    seconds: {
      total: (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000,
      export: coveredSeconds(
        (ledger?.shards ?? []).map((one) => ({ from: one.exportStartedAt, to: one.exportedAt })),
      ),
      import: coveredSeconds(
        (ledger?.shards ?? []).map((one) => ({ from: one.importStartedAt, to: one.importedAt })),
      ),
      index: coveredSeconds(
        (ledger?.indexBuilds ?? []).map((one) => ({ from: one.startedAt, to: one.finishedAt })),
      ),
      verify: coveredSeconds(
        collections.map(({ verification: one }) => ({
          from: one?.startedAt ?? null,
          to: one?.finishedAt ?? null,
        })),
      ),
    },
  };
}

/** null if the database cannot be asked: a report on a run that failed for that very reason is still a report. */
async function readLedger(
  database: Database,
  log: Log,
  { run, status, error }: WriteReportInput,
  plan: Plan | null,
): Promise<RunLedger | null> {
  try {
    return await database.withClient(`report ${run}`, async (client) => {
      const ledger = await readRunLedger(client, run, REJECTS_LISTED);
      if (ledger && plan && status === 'succeeded') requireExplained(plan, ledger);
      if (ledger) await endRun(client, run, status, error ?? null);
      return ledger;
    });
  } catch (unavailable) {
    if (!(unavailable instanceof MigrationError) || status === 'succeeded') throw unavailable;
    log.warn('the ledger could not be read for the report', { run, reason: unavailable.message });
    return null;
  }
}

/** @throws VerificationFailed if a run is about to succeed without having accounted for every id */
function requireExplained({ run, collections }: Plan, { shards }: RunLedger): void {
  const shardsOf = Map.groupBy(shards, ({ schema }) => schema);
  const planned = collections.reduce((sum, { records }) => sum + records, 0);
  const explained = collections.reduce((sum, { schema }) => {
    const { loaded, rejected, vanished } = accountOfShards(shardsOf.get(schema) ?? []);
    return sum + loaded + rejected + vanished;
  }, 0);
  if (planned === explained) return;
  throw new VerificationFailed(
    `Of the ${planned} ids that run "${run}" listed, the ledger accounts for ${explained}: go on with --run ${run}.`,
  );
}

/** A report on a run that failed because its store has lost something is still a report. */
async function asFarAsWhole<T>(
  status: WriteReportInput['status'],
  reading: Promise<T | null>,
): Promise<T | null> {
  return reading.catch((error) => {
    if (status === 'failed' && error instanceof StoreRefused) return null;
    throw error;
  });
}

async function collectionReport(
  store: ShardStore,
  { run, status }: WriteReportInput,
  { options }: Plan,
  plan: CollectionPlan,
  shards: readonly ShardReport[],
  ledger: RunLedger | null,
): Promise<CollectionReport> {
  const stored = readJson<Verification>(store, keys.verification(run, plan.schema));
  const verification = await asFarAsWhole(status, stored);
  const changes = await asFarAsWhole(status, readJson<SourceChanges>(store, keys.changes(run, plan.schema)));
  const update = ledger?.updates.get(plan.schema);
  const delta = update?.updatesLive ? await readDelta(store, run, plan.schema) : null;
  return {
    plan,
    ...accountOfShards(shards),
    delta: delta && deltaReport(delta, options.deleteMissing, update?.kept ?? null),
    changes,
    checksum: {
      source: verification?.checksum.source ?? null,
      store: verification?.checksum.store ?? null,
      // Of live tables it is what they held when their update was committed.
      target: (update?.updatesLive ? update.targetChecksum : verification?.checksum.target) ?? null,
    },
    verification,
    indexes: verification?.indexes ?? [],
    published: ledger?.published.has(plan.schema) ?? false,
  };
}

/** Indexes whose graph did not fit: what the log of the build said before it began. */
const spilled = (ledger: RunLedger | null): string[] =>
  (ledger?.indexBuilds ?? []).flatMap(({ schema, index, spillsAfter }) =>
    spillsAfter === null
      ? []
      : [
          `The graph of index ${index} of schema "${schema}" was reckoned to outgrow the memory of a build after ${spillsAfter.toLocaleString('en')} rows, so that it took longer: \`plan\` names an instance that holds it.`,
        ],
  );

/** What arrived and is not in an index, or has none: searches are other than somebody may think. */
function outsideOfIndexes({ plan, verification, indexes }: CollectionReport): string[] {
  if (!verification) return [];
  const { collection } = plan;
  const missing = collectionSchema(plan, plan.schema).indexes.flatMap(({ name, condition }) =>
    condition && !indexes.includes(name)
      ? [`Collection "${collection}" has no ${name}, which is made only ${condition.reason}.`]
      : [],
  );
  const zeros = verification.zeroVectors;
  return zeros === 0
    ? missing
    : [
        ...missing,
        `${zeros} ${zeros === 1 ? 'record' : 'records'} of collection "${collection}" with a zero vector: in the table, but not in a cosine index, so that no search through it finds them.`,
      ];
}

/** What the store holds is not what was loaded: the tables are as they should be, a later check names less. */
const lostDigests = (collections: readonly CollectionReport[]): string[] =>
  collections
    .filter(({ verification: one, checksum }) => one?.verified && checksum.store !== checksum.source)
    .slice(0, CHANGED_NAMED)
    .map(
      ({ plan }) =>
        `The store has other digests of collection "${plan.collection}" than those that were loaded, or none: its tables are verified, but a later check of the certificate cannot name their records.`,
    );

const repaired = (ledger: RunLedger | null): string[] =>
  ledger && ledger.repaired > 0
    ? [
        `${ledger.repaired} records were repaired, NUL by U+2400: chroma_migration.rejects lists them with what Chroma sent.`,
      ]
    : [];

const quarantined = (plan: Plan | null, ledger: RunLedger | null): string[] =>
  plan?.options.onReject === 'quarantine' && ledger && ledger.rejected > 0
    ? [
        `${ledger.rejected} records were left out because Postgres cannot hold them as they are: they are in the store.`,
      ]
    : [];

/** An old run that is finished again publishes nothing anew: what came after it stays. */
const replaced = (ledger: RunLedger | null): string[] =>
  [...(ledger?.replaced ?? [])].map(
    ([schema, live]) =>
      `Schema "${schema}" was published by this run and holds the tables of run "${live}" now: roll back to have this run's again.`,
  );
/** One sentence for each collection that somebody wrote to; a large estate's are counted together beyond the first. */
function writtenMeanwhile(collections: readonly CollectionReport[]): string[] {
  const changed = collections.filter(({ changes, vanished }) => changes && changesIn(changes) + vanished > 0);
  const sentences = changed.slice(0, CHANGED_NAMED).map(({ plan, changes, vanished }) => {
    const { added, deleted, rewritten } = changes as SourceChanges;
    const gone = vanished > 0 ? ` (${vanished} of them before they were read)` : '';
    return `Collection "${plan.collection}" was written to while it was read: ${added.count} records were added, ${deleted.count} deleted${gone}, ${rewritten.count} deleted and added again; migrate with --update-existing, and what was changed is taken over too.`;
  });
  const more = changed.length - sentences.length;
  return more > 0
    ? [...sentences, `${more} further collections were written to while they were read.`]
    : sentences;
}

const CHANGED_NAMED = 10;
const changesIn = ({ added, deleted, rewritten }: SourceChanges) =>
  added.count + deleted.count + rewritten.count;

const deltaReport = (
  { unchanged, added, changed, missing }: Delta,
  deleted: boolean,
  kept: number | null,
): DeltaReport => ({ unchanged, added, changed, missing, deleted, kept });
