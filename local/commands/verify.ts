import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MigrationInput } from '../../src/contract.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import { storePlan } from '../../src/plan/store-plan.ts';
import { FileStore } from '../../src/store/file-store.ts';
import type { Verification } from '../../src/verify/verification.ts';
import { verifyLive } from '../../src/verify/verify-live.ts';
import { type Command, EXIT } from '../command-line/command.ts';
import { consoleLog } from '../console-log.ts';
import { printable } from '../progress/progress-line.ts';
import {
  openSource,
  openTarget,
  outputOptions,
  requestOf,
  runOptions,
  selectionOptions,
  sourceOptions,
  targetOptions,
} from '../source-options.ts';
import { alignedTable } from '../summary.ts';

const { collections, tenants, databases, schema } = selectionOptions;
const options = {
  ...{ ...sourceOptions, ...targetOptions, collections, tenants, databases, schema },
  sampleSize: runOptions.sampleSize,
  ...outputOptions,
};

export const verify: Command<typeof options> = {
  name: 'verify',
  summary: 'compares the live tables with Chroma, record by record, at any later time',
  description:
    'Reads every record of the collections from Chroma again and compares counts, checksums, dimensions, metadata and sampled searches with what the live tables hold. Changes nothing on either side.',
  options,
  examples: [
    'chroma-to-pgvector verify --source http://localhost:8000 --target postgres://user@localhost/vectors',
  ],
  async run(values) {
    const chroma = openSource(values);
    const folder = await mkdtemp(join(tmpdir(), 'chroma-to-pgvector-verify-'));
    const store = new FileStore(folder);
    try {
      const made = await makePlan(chroma, 'verify', MigrationInput.parse(requestOf(values)));
      await storePlan(store, made);
      const context = { chroma, database: openTarget(values), store, log: consoleLog(values) };
      const verifications = await verifyLive(context, made.plan, made.shards);
      if (values.json) process.stdout.write(`${JSON.stringify({ collections: verifications })}\n`);
      else process.stdout.write(`${verificationText(verifications)}\n`);
      return verifications.every(({ verified }) => verified) ? EXIT.done : EXIT.failed;
    } finally {
      await chroma.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

const count = new Intl.NumberFormat('en');

function verificationText(verifications: Verification[]): string {
  const rows = verifications.map(({ collection, verified, records, checksum, searches }) => [
    printable(collection),
    verified ? 'verified' : 'DIFFERS',
    `${count.format(records.target)} of ${count.format(records.loaded)}`,
    checksum.source === checksum.target ? 'equal' : 'DIFFER',
    searches.recallAt10 === null ? '–' : searches.recallAt10.toFixed(3),
  ]);
  const mismatches = verifications.flatMap(({ collection, mismatches: said }) =>
    said.map((sentence) => printable(`${collection}: ${sentence}`)),
  );
  return [
    ...alignedTable([['collection', '', 'records', 'checksums', 'recall@10'], ...rows], 2),
    ...mismatches,
  ].join('\n');
}
