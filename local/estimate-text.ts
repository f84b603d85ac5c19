import { UNCERTAINTY } from '../src/index-build/predict-build.ts';
import type { Deployment, Estimate } from '../src/plan/cost.ts';
import { sizeInWords } from '../src/tune/setting-units.ts';
import { duration } from './progress/progress-line.ts';
import { alignedTable } from './summary.ts';

const count = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const dollars = (amount: number) => `$${amount.toFixed(2)}`;

/** What the run would take and cost on AWS, for a person. */
export function estimateText(
  { seconds, usage, dollars: costs, databaseMonth, indexBuilds, notes }: Estimate,
  { instanceClass, storageGib, concurrency, storeRetentionDays, multiAz }: Deployment,
): string[] {
  const where = `${instanceClass}${multiAz ? ' in two zones' : ''}, ${count.format(storageGib)} GiB, ${concurrency} shards at a time`;
  const database =
    costs.database === null
      ? 'database not known'
      : `database ${dollars(costs.database)} (${usage.databaseHours.toFixed(1)} hours)`;
  return [
    `On AWS (${where}), reckoned with list prices of us-east-1:`,
    `  time  about ${duration(seconds.total)}: shards ${duration(seconds.shards)}, indexes ${duration(seconds.index)}, verification ${duration(seconds.verify)}`,
    `  cost  about ${dollars(costs.total)}: Lambda ${dollars(costs.lambda)} (${count.format(usage.lambdaGbSeconds)} GB-seconds), Step Functions ${dollars(costs.stateTransitions)} (${count.format(usage.stateTransitions)} state transitions), S3 ${dollars(costs.s3Requests)} (${count.format(usage.s3Writes + usage.s3Reads)} requests) and ${dollars(costs.store)} (kept ${storeRetentionDays} days), ${database}`,
    ...(databaseMonth === null ? [] : [`  then  about ${dollars(databaseMonth)} a month for the database`]),
    ...buildLines(indexBuilds),
    ...notes.map((note) => `  Note: ${note}`),
  ];
}

/** So many indexes are named, the largest first. */
const LISTED = 10;

function buildLines(builds: Estimate['indexBuilds']): string[] {
  if (builds.length === 0) return [];
  const rows = builds
    .slice(0, LISTED)
    .map(({ collection, graphBytes, indexBytes, temporaryBytes, seconds, spillsAfter }) => [
      collection,
      sizeInWords(graphBytes),
      `${spillsAfter === null ? 'about' : 'more than'} ${duration(seconds)}`,
      sizeInWords(indexBytes),
      sizeInWords(temporaryBytes),
    ]);
  const more = builds.length - LISTED;
  return [
    '',
    `What the HNSW indexes take to build (time ±${percent(UNCERTAINTY.otherServer)}: nobody measured this class; the log takes as much disk as the index):`,
    ...alignedTable([['index of', 'memory', 'time', 'size', 'temporary disk'], ...rows], 1),
    ...(more > 0 ? [`  … and ${count.format(more)} more`] : []),
    '',
  ];
}

const percent = (share: number) => `${Math.round(100 * share)} %`;
