import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordSource } from '../../src/chroma/record-source.ts';
import type { Log } from '../../src/log.ts';
import { MigrationInput } from '../../src/migration-input.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import { storePlan } from '../../src/plan/store-plan.ts';
import { FileStore } from '../../src/store/file-store.ts';
import type { Verification } from '../../src/verify/verification.ts';
import { verifyLive } from '../../src/verify/verify-live.ts';
import { serveSource } from '../chroma-folder.ts';
import type { Command } from '../command-line/command.ts';
import { kebab, UsageError, type Values } from '../command-line/options.ts';
import { isFiles, place, sourceUrlOrFiles, text } from '../command-line/values.ts';
import { onInterrupt } from '../interrupt.ts';
import { verifyOutput } from '../output/schemas.ts';
import { preflight } from '../preflight.ts';
import { readingLog } from '../progress/progress-log.ts';
import { logPlanned, withProgress } from '../progress/with-progress.ts';
import { fileOptions } from '../read-file-place.ts';
import {
  openSource,
  openTarget,
  outputOptions,
  readableSourceOptions,
  requestOf,
  runOptions,
  selectionOptions,
  targetOptions,
} from '../source-options.ts';
import { printVerifications } from '../verification-text.ts';
import { verifyAgainstCertificate } from '../verify-against-certificate.ts';
import { verifyAgainstFiles } from '../verify-against-files.ts';

const { collections, tenants, databases, schema } = selectionOptions;
const options = {
  ...readableSourceOptions,
  source: sourceUrlOrFiles(
    'address of the Chroma server, a folder of its PersistentClient, or the files that were imported; chromadb stands for the one of --config',
    { required: ['config', 'certificate'] },
  ),
  ...targetOptions,
  certificate: text(
    'FILE',
    'certificate.json of a run, instead of a source: whether the live tables still hold what it certifies',
  ),
  store: place("with --certificate: the run's store, if it is elsewhere by now; its digests name records"),
  ...{ collections, tenants, databases, schema },
  sampleSize: runOptions.sampleSize,
  ...fileOptions,
  ...outputOptions,
};
options.collection = {
  ...options.collection,
  help: 'with files: collection that the records are, as for import',
};
options.space = { ...options.space, help: 'with files: how they were imported to be searched' };

export const verify: Command<typeof options> = {
  name: 'verify',
  summary: 'compares the live tables with Chroma, record by record, at any later time',
  description:
    'Reads every record of the collections from Chroma again and compares counts, checksums, dimensions, metadata and sampled searches with what the live tables hold. Changes nothing on either side. Where the tables were filled from files, these are the source.\n\nWith --certificate no Chroma is needed: every record of the live tables is digested again and held against what a run has certified; records that differ are named as long as the run’s store is there.',
  options,
  output: verifyOutput,
  examples: [
    'chroma-to-pgvector verify --source http://localhost:8000 --target postgres://user@localhost/vectors',
    'chroma-to-pgvector verify --source http://localhost:8000 --target postgres://user@localhost/vectors --sample-size 100 --json',
    'chroma-to-pgvector verify --source ./migration/chromadb-export.jsonl --target postgres://user@localhost/vectors',
    'chroma-to-pgvector verify --certificate certificate.json --target postgres://user@localhost/vectors',
  ],
  async run(values) {
    requireOneSide(values);
    if (values.certificate) return verifyAgainstCertificate({ ...values, certificate: values.certificate });
    if (isFiles(values.source as string)) return verifyAgainstFiles(values);
    const source = await serveSource(values.source as string);
    const chroma = openSource({ ...values, source: source.url });
    const folder = await mkdtemp(join(tmpdir(), 'chroma-to-pgvector-verify-'));
    // Not before: what was under way when somebody interrupted it may still write there.
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    const interrupt = onInterrupt('nothing was changed');
    try {
      const verifyAs = (log: Log) => interrupt.stops(verifyAll(values, chroma, folder, log));
      const verifications = await withProgress(values, verifyAs, readingLog);
      return printVerifications(verifications, values.json);
    } finally {
      interrupt.release();
      await chroma.close();
      await source.stop();
    }
  },
};

/** @throws UsageError if both a certificate and what only another reading of Chroma needs were given, or neither */
function requireOneSide(values: Values<typeof options>): void {
  if (!values.certificate) {
    const mistakes = [
      ...(values.source ? [] : ['--source is missing: which Chroma shall be read again?']),
      ...(values.store ? ['--store is that of a --certificate: leave it away, or pass one'] : []),
      ...mistakenFor(values),
    ];
    if (mistakes.length > 0) throw new UsageError(mistakes);
    return;
  }
  // The application's configuration may name a Chroma server, which is then not asked.
  const given = (name: keyof typeof options) =>
    values[name] !== undefined && !(name === 'source' && values.config);
  const mistakes = OF_A_SOURCE.filter(given).map(
    (name) => `--${kebab(name)} is not understood together with --certificate, which says what is compared`,
  );
  if (mistakes.length > 0) throw new UsageError(mistakes);
}

/** Options of files for a Chroma, and the other way round. */
function mistakenFor(values: Values<typeof options>): string[] {
  if (!values.source) return [];
  const files = isFiles(values.source);
  const others = files ? OF_A_CHROMA : OF_FILES;
  return others
    .filter((name) => values[name] !== undefined)
    .map((name) => `--${kebab(name)} is for ${files ? 'a Chroma' : 'files'} as --source: leave it away`);
}

const OF_A_CHROMA = ['sourceCa', 'collections', 'tenants', 'databases'] as const;
const OF_FILES = ['collection', 'space'] as const;

const OF_A_SOURCE = [
  'source',
  'sourceCa',
  'collections',
  'tenants',
  'databases',
  'schema',
  'sampleSize',
  ...OF_FILES,
] as const;

async function verifyAll(
  values: Values<typeof options>,
  chroma: RecordSource,
  folder: string,
  log: Log,
): Promise<Verification[]> {
  const store = new FileStore(folder);
  const database = openTarget(values);
  await preflight(chroma, database, store);
  const made = await makePlan(chroma, 'verify', MigrationInput.parse(requestOf(values)), store, log);
  await storePlan(store, made);
  logPlanned(log, made.plan);
  return verifyLive({ chroma, database, store, log }, made.plan, made.shards);
}
