import type { DeltaReport, RunReport } from '../src/report/report.ts';
import { duration } from './progress/progress-line.ts';

/** What `--json` prints of a run. The keys are a promise to scripts. */
export function runJson(report: RunReport, paths: { report: string | null; store: string }) {
  return {
    run: report.run,
    status: report.status,
    error: report.error,
    collections: report.collections.map(({ plan, ...rest }) => ({
      tenant: plan.tenant,
      database: plan.database,
      collection: plan.collection,
      schema: plan.schema,
      dimension: plan.dimension,
      space: plan.space,
      records: plan.records,
      loaded: rest.loaded,
      rejected: rest.rejected,
      vanished: rest.vanished,
      unexplained: plan.records - rest.loaded - rest.rejected - rest.vanished,
      changes: rest.changes && {
        added: rest.changes.added,
        deleted: rest.changes.deleted,
        rewritten: rest.changes.rewritten,
      },
      delta: rest.delta,
      checksum: rest.checksum,
      recallAt10: rest.verification?.searches.recallAt10 ?? null,
      indexes: rest.indexes,
      published: rest.published,
    })),
    seconds: report.seconds,
    report: paths.report,
    store: paths.store,
  };
}

/**
 * What `--json` prints when a command fails before it has a report: the same keys, so that a script need not ask
 * which failure it was.
 *
 * @param values the options as far as they were understood
 */
export function failedJson(error: unknown, values: { run?: unknown; store?: unknown }) {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return {
    run: values.run ?? null,
    status: 'failed',
    error: { name, message, state: null },
    collections: [],
    seconds: { total: 0, export: 0, import: 0, index: 0, verify: 0 },
    report: null,
    store: values.store ?? null,
  };
}

const count = new Intl.NumberFormat('en');
/** Collections of a large estate that the terminal lists; the report or --json has them all. */
export const LISTED = 20;

/**
 * The run for a person: what arrived, how it is known, where to look.
 * @param goOn what to do about a run that failed after it was planned
 */
export function runSummary(
  report: RunReport,
  paths: { report: string | null; store: string },
  goOn: string | null,
): string {
  const published = report.collections.filter((collection) => collection.published).length;
  const lines = [
    `Run ${report.run} ${report.status} in ${duration(report.seconds.total)}: ${published} of ${report.collections.length} collections published.`,
  ];
  if (report.collections.length > 0) lines.push('', ...collectionTable(report));
  for (const { plan, delta } of report.collections.slice(0, LISTED))
    if (delta) lines.push('', ...deltaLines(plan.collection, delta));
  if (report.rejected > 0) {
    lines.push('', `Rejected records (${count.format(report.rejected)}):`);
    for (const { schema, id, detail } of report.rejects.slice(0, 10))
      lines.push(`  ${schema} ${JSON.stringify(id)}: ${detail}`);
  }
  for (const warning of report.warnings) lines.push('', `Note: ${warning}`);
  lines.push('');
  if (paths.report) lines.push(`Report  ${paths.report}`);
  lines.push(`Store   ${paths.store}`);
  if (goOn && report.status === 'failed' && report.collections.length > 0) lines.push(`Go on   ${goOn}`);
  return lines.join('\n');
}

function collectionTable({ collections }: RunReport): string[] {
  const header = ['collection', 'schema', 'records', 'loaded', 'rejected', 'vanished', 'checksums'];
  const rows: string[][] = [];
  for (const { plan, loaded, rejected, vanished, checksum, verification } of collections.slice(0, LISTED)) {
    const recall = (share: number | null | undefined) => (share == null ? '–' : share.toFixed(3));
    const equal = checksum.source !== null && checksum.source === checksum.target;
    rows.push([
      plan.collection.slice(0, 40),
      plan.schema,
      count.format(plan.records),
      count.format(loaded),
      count.format(rejected),
      count.format(vanished),
      checksum.target === null ? 'not compared' : equal ? 'equal' : 'DIFFER',
      recall(verification?.searches.recallAt10),
      recall(verification?.searches.chromaRecallAt10),
    ]);
  }
  return listedTable([...header, 'recall@10', 'Chroma’s'], rows, 2, collections.length);
}

/** Ids of a kind that the terminal names; the report has a thousand. */
const NAMED = 5;

function deltaLines(
  collection: string,
  { unchanged, added, changed, missing, deleted }: DeltaReport,
): string[] {
  const kinds = [
    ['added', added],
    ['changed', changed],
    [deleted ? 'deleted' : 'no longer in Chroma (--delete-missing deletes them)', missing],
  ] as const;
  return [
    `${collection}: ${count.format(unchanged)} unchanged`,
    ...kinds.flatMap(([kind, { count: records, ids }]) => {
      const names = ids.slice(0, NAMED).map((id) => JSON.stringify(id).slice(0, 60));
      const more = records > names.length ? ', …' : '';
      return records === 0 ? [] : [`  ${count.format(records)} ${kind}: ${names.join(', ')}${more}`];
    }),
  ];
}

/** The first rows of a list that may have ten thousand. @param length of the whole list */
export function listedTable(
  header: string[],
  rows: string[][],
  firstNumber: number,
  length = rows.length,
): string[] {
  const table = alignedTable([header, ...rows.slice(0, LISTED)], firstNumber);
  return length > LISTED ? [...table, `  … and ${count.format(length - LISTED)} more`] : table;
}

/** Columns from `firstNumber` on are aligned to the right. */
export function alignedTable(rows: string[][], firstNumber: number): string[] {
  const widths = (rows[0] as string[]).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    `  ${row.map((cell, column) => (column < firstNumber ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ')}`.trimEnd(),
  );
}
