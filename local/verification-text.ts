import type { Verification } from '../src/verify/verification.ts';
import { wilsonInterval } from '../src/verify/wilson.ts';
import { EXIT, type ExitCode } from './command-line/command.ts';
import { printableLines } from './progress/progress-line.ts';
import { listedTable } from './summary.ts';

const count = new Intl.NumberFormat('en');
/** Collections that are told line by line; --json has them all. */
const TOLD = 10;
/** The same of collections that differ. */
export const TOLD_DIFFERING = 100;

/** The guide's five lines of a collection, and what else is proven. */
export function verificationLines(verification: Verification): string[] {
  const { records, dimension, searches, metadataMismatches, checksum } = verification;
  const { sampled, neighbours, recallAt10, chromaRecallAt10, latencyMilliseconds } = searches;
  const line = (good: boolean | null, text: string) => `${good === null ? '➖' : good ? '✅' : '❌'} ${text}`;
  const latency = latencyMilliseconds.reduce((sum, one) => sum + one, 0) / latencyMilliseconds.length;
  const interval = wilsonInterval(neighbours.found, neighbours.wanted);
  const countsMatch = records.target === records.loaded && records.source === records.planned;
  const difference = searches.largestDistanceDifference;
  return [
    line(
      countsMatch,
      countsMatch
        ? `Document count matches: ${count.format(records.target)}`
        : `Document count differs: ${count.format(records.target)} instead of ${count.format(records.loaded)}`,
    ),
    dimension.target === dimension.source
      ? line(true, `Embedding dimensions correct: ${dimension.target ?? 'none yet'}`)
      : line(false, `Embedding dimensions differ: ${dimension.target} instead of ${dimension.source}`),
    line(
      sampled === 0 ? null : neighbours.successful === sampled,
      `Sample searches successful: ${neighbours.successful}/${sampled}`,
    ),
    line(
      metadataMismatches === 0,
      metadataMismatches === 0
        ? 'Metadata integrity: OK'
        : `Metadata integrity: ${count.format(metadataMismatches)} rows differ`,
    ),
    latencyMilliseconds.length === 0
      ? line(null, 'Index performance: no search was sampled')
      : line(
          searches.indexUsed !== false,
          `Index performance: ${latency.toFixed(1)}ms avg${searches.indexUsed === false ? `, but ${searches.indexName} is not used` : ''}`,
        ),
    line(
      checksum.source === checksum.target,
      `Checksums ${checksum.source === checksum.target ? 'equal' : 'differ'}: ${checksum.target}`,
    ),
    recallAt10 === null || interval === null
      ? line(null, 'Recall@10: no search was sampled')
      : line(
          true,
          `Recall@10: ${recallAt10.toFixed(3)} (95 % between ${interval.low.toFixed(3)} and ${interval.high.toFixed(3)})${chromaRecallAt10 === null ? '' : `, Chroma’s ${chromaRecallAt10.toFixed(3)}`}`,
        ),
    difference === null
      ? line(null, 'Score parity: there was nothing to compare')
      : line(
          !verification.mismatches.some((said) => said.startsWith('Distances differ')),
          `Score parity: distances differ from Chroma’s by ${difference.toExponential(1)} at most`,
        ),
  ];
}

/** The collections in a table; those that differ, and the others up to ten, line by line. */
export function verificationText(all: readonly Verification[]): string {
  const verifications = differingFirst(all);
  const rows = verifications.map(({ collection, verified, records, checksum, searches }) => [
    collection,
    verified ? 'verified' : 'DIFFERS',
    `${count.format(records.target)} of ${count.format(records.loaded)}`,
    checksum.source === checksum.target ? 'equal' : 'DIFFER',
    searches.recallAt10 === null ? '–' : searches.recallAt10.toFixed(3),
  ]);
  const told = verifications.filter(({ verified }, at) => at < (verified ? TOLD : TOLD_DIFFERING));
  return [
    ...listedTable(['collection', '', 'records', 'checksums', 'recall@10'], rows, 2),
    ...told.flatMap((one) => [
      '',
      `${one.collection}`,
      ...verificationLines(one),
      ...one.mismatches.map((said) => `❌ ${said}`),
    ]),
  ].join('\n');
}

/** In a long list nobody would find them. */
export const differingFirst = <T extends { verified: boolean }>(all: readonly T[]): T[] =>
  all.toSorted((a, b) => Number(a.verified) - Number(b.verified));

/** @returns how the command ends */
export function printVerifications(verifications: readonly Verification[], json: true | undefined): ExitCode {
  if (json) process.stdout.write(`${JSON.stringify({ collections: verifications })}\n`);
  else process.stdout.write(`${printableLines(verificationText(verifications))}\n`);
  return verifications.every(({ verified }) => verified) ? EXIT.done : EXIT.failed;
}
