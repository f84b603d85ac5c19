import type { Plan } from '../../src/contract.ts';
import { InvalidInput } from '../../src/errors.ts';
import { type ExportManifest, manifestKey, readExportManifest } from '../../src/files/export-manifest.ts';
import { findRecord } from '../../src/files/find-record.ts';
import { fileUpdates } from '../../src/files/ledger.ts';
import { updateExisting } from '../../src/files/update-existing.ts';
import { TWICE_IN_FILES } from '../../src/index-build/start-index-build.ts';
import { readPlan } from '../../src/plan/plan-file.ts';
import { hasLedgerTable } from '../../src/postgres/ledger-schema.ts';
import { keys } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { ShardStore } from '../../src/store/store.ts';
import { type Command, EXIT, type ExitCode } from '../command-line/command.ts';
import { UsageError, type Values } from '../command-line/options.ts';
import { flag, integer, oneOf, place } from '../command-line/values.ts';
import { type FilePlace, filesOf, openFilePlace } from '../file-places.ts';
import { type Interrupt, onInterrupt } from '../interrupt.ts';
import { importOutput } from '../output/file-schemas.ts';
import { printable, printableLines } from '../progress/progress-line.ts';
import { logPlanned, withProgress } from '../progress/with-progress.ts';
import { BATCH, fileOptions, readFilePlace, sourceOf } from '../read-file-place.ts';
import { type FinishedMigration, runMigration } from '../run-migration.ts';
import { DEFAULT_STORE, newRunName } from '../run-name.ts';
import {
  openTarget,
  outputOptions,
  requestOf,
  runOptions,
  selectionOptions,
  targetOptions,
  uiOptions,
} from '../source-options.ts';
import { updatedOf, updateText } from '../update-text.ts';
import { printRun } from './migrate.ts';

const { schema, shardBytes, index, layout, sparseColumn } = selectionOptions;
const { store, run, sampleSize, tune, instanceMemory, takeOver } = runOptions;
const options = {
  source: place('FILE.jsonl, folder or s3://BUCKET/PREFIX with JSON lines, gzip and zstd too', {
    required: true,
  }),
  ...targetOptions,
  batchSize: integer('records that are read and encoded at a time; 1000 by default', {
    min: 1,
    max: 100_000,
  }),
  workers: integer('shards that are loaded at the same time; 4 by default', { min: 1, max: 1000 }),
  skipErrors: flag(
    'publish the rest where records cannot arrive, as --on-reject quarantine does; the report names them',
  ),
  verify: flag('compare counts, checksums and sampled searches after the import (default)'),
  noVerify: flag(
    'no sampled searches; counts and checksums are compared all the same before anything is published. With --update-existing nothing is, and its certificate does not say what the tables hold',
  ),
  updateExisting: flag(
    'add to the live tables and update what is there, in one transaction a collection, with a certificate of what they then hold',
  ),
  ...fileOptions,
  ...{
    schema,
    index,
    layout,
    sparseColumn,
    shardBytes,
    store,
    run,
    sampleSize,
    tune,
    instanceMemory,
    takeOver,
  },
  // What repairs a record is the exporter, which these have gone past.
  onReject: oneOf(
    ['fail', 'quarantine'],
    'when a record cannot arrive: publish nothing (default), or the rest',
  ),
  ...uiOptions,
  ...outputOptions,
};

type ImportValues = Values<typeof options>;
const WORKERS = 4;

export const importCommand: Command<typeof options> = {
  name: 'import',
  summary: 'loads exported files into Postgres, verifies them and publishes them',
  description:
    'Reads JSON lines (id, document or content, metadata, embedding), cuts them into shards, and goes on as a migration does: load, index, verify, publish. Files of this program are compared with the checksums of their manifest. A collection that is live is replaced as a whole and kept for rollback, unless --update-existing is given.',
  options,
  examples: [
    'chroma-to-pgvector import --source ./migration/chromadb-export.jsonl --target postgres://user@localhost/vectors --batch-size 500 --workers 4 --verbose',
    'chroma-to-pgvector import --source s3://backups/chroma --target postgres://user@localhost/vectors',
    'chroma-to-pgvector import --source pages.jsonl.gz --collection pages --target postgres://user@localhost/vectors --update-existing --skip-errors',
  ],
  output: importOutput,
  async run(values) {
    const mistakes = [
      ...(values.verify && values.noVerify ? ['--verify and --no-verify contradict each other'] : []),
      ...(values.updateExisting && values.sparseColumn
        ? [
            '--sparse-column is for new tables, and with --update-existing the live ones keep theirs: leave one away',
          ]
        : []),
    ];
    if (mistakes.length > 0) throw new UsageError(mistakes);
    const from = await openFilePlace(values.source as string);
    const manifest = await readExportManifest(from.store, manifestKey(from.file));
    // The shards of an export are a run, which has its name.
    const run = manifest?.run ?? values.run ?? newRunName('import');
    const interrupt = onInterrupt(`go on with the same command and --run ${run}`);
    try {
      return await importFiles(values, { from, manifest, run }, interrupt);
    } finally {
      interrupt.release();
    }
  },
};

async function importFiles(
  values: ImportValues,
  { from, manifest, run }: Omit<Origin, 'store'>,
  interrupt: Interrupt,
): Promise<ExitCode> {
  const isShards = manifest?.format === 'pgcopy';
  if (isShards) refuseDecided(values, from, run);
  if (!values.updateExisting) await refuseUpdate(values, run);
  const pathStyle = Boolean(process.env.AWS_ENDPOINT_URL_S3 || process.env.AWS_ENDPOINT_URL);
  const store = isShards ? from.store : await openStore(values.store ?? DEFAULT_STORE, { pathStyle });
  const plan = await planOf(values, { from, manifest, store, run }, interrupt);
  if (values.updateExisting) return update(values, store, plan, interrupt);
  if (manifest?.part) await refusePart(values, plan, manifest);
  const finished = await runMigration(
    {
      ...values,
      ...{ source: plan.source, sourceHeader: undefined, sourceCa: undefined, store: store.url, run },
      request: {
        ...requestOf({ tune: values.tune, instanceMemory: values.instanceMemory, takeOver: values.takeOver }),
        concurrency: values.workers ?? WORKERS,
        onReject: values.onReject ?? (values.skipErrors ? 'quarantine' : 'fail'),
        sampleSize: plan.options.sampleSize,
      },
    },
    interrupt,
  );
  printRun(finished, values.json, `the same command and --run ${run}`);
  if (!isShards) await tellPlaces(finished, plan, { from, manifest });
  return exitCodeOf(finished);
}

/** What the rows of shards already follow cannot be told anew. @throws InvalidInput */
function refuseDecided(values: ImportValues, { name }: FilePlace, run: string): void {
  if (values.run !== undefined && values.run !== run)
    throw new InvalidInput(
      `${name} holds the shards of run "${run}", which keeps its name: import it without --run.`,
    );
  const given = (['schema', 'index', 'layout', 'sparseColumn', 'shardBytes', 'updateExisting'] as const)
    .filter((option) => values[option] !== undefined)
    .map((option) => `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  if (given.length > 0)
    throw new InvalidInput(
      `${name} holds whole shards, of which the export has decided that: import it without ${given.join(', ')}, or export JSON lines.`,
    );
}

/** Of a record that stands in the files twice: where. */
async function tellPlaces(
  { report: { error } }: FinishedMigration,
  { collections }: Plan,
  { from, manifest }: Pick<Origin, 'from' | 'manifest'>,
): Promise<void> {
  const [, name, key] = TWICE_IN_FILES.exec(error?.message ?? '') ?? [];
  const collection = collections.find((one) => one.collection === name);
  if (!collection || key === undefined) return;
  const own = manifest?.collections.find(({ plan }) => plan.collection === name)?.files;
  const found = await findRecord(from.store, own ?? (await filesOf(from, manifest)), key, collection);
  if (found)
    process.stderr.write(`${printable(`Record "${found.id}" stands in ${found.places.join(' and ')}.`)}\n`);
}

const exitCodeOf = ({ report }: FinishedMigration): ExitCode =>
  report.status === 'succeeded' ? EXIT.done : EXIT.failed;

interface Origin {
  from: FilePlace;
  manifest: ExportManifest | null;
  store: ShardStore;
  run: string;
}

/** The plan of the run: read from the files, unless the run was begun before. */
async function planOf(
  values: ImportValues,
  { from, manifest, store, run }: Origin,
  interrupt: Interrupt,
): Promise<Plan> {
  const known = await readPlan(store, run);
  if (known) {
    const source = sourceOf(from);
    if (manifest?.format !== 'pgcopy' && known.source !== source)
      throw new InvalidInput(
        `Run "${run}" reads ${known.source}, not ${source}: pass that source, or another --run.`,
      );
    return known;
  }
  const { schema: name, index: method, layout: laid, shardBytes: size, sparseColumn: sparse } = values;
  const sampleSize = values.noVerify ? 0 : values.sampleSize;
  const request = requestOf({
    ...{ schema: name, index: method, layout: laid, shardBytes: size, sampleSize },
    sparseColumn: sparse,
  });
  return readFilePlace(
    { ...values, from, manifest },
    {
      ...{ store, run, request, batchSize: values.batchSize ?? BATCH },
      ...(values.updateExisting && { collectionIds: await liveCollectionIds(values) }),
    },
    interrupt,
  );
}

/** A run that has added its files to live tables has a certificate of that, which another kind of run would replace. @throws InvalidInput */
async function refuseUpdate(values: ImportValues, run: string): Promise<void> {
  const [added] = await openTarget(values).withClient('import', async (client) =>
    (await hasLedgerTable(client, 'file_updates')) ? [...(await fileUpdates(client, run))] : [],
  );
  if (!added) return;
  const [taken, { isLive }] = added;
  throw new InvalidInput(
    `Run "${run}" has added its files to ${isLive ? `the live tables of "${taken}"` : `tables of "${taken}" that another run has replaced since`}: pass another --run to replace them as a whole${isLive ? ', or --update-existing to go on with it' : ''}.`,
  );
}

/** A part of a collection shall not take the place of the whole. @throws InvalidInput */
async function refusePart(values: ImportValues, plan: Plan, manifest: ExportManifest): Promise<void> {
  const live = await liveCollectionIds(values);
  const taken = plan.collections.find(({ schema: name }) => live.has(name));
  if (!taken) return;
  const how = manifest.part?.where ? '--where' : '--limit';
  throw new InvalidInput(
    `The export is a part of its collection (${how}) and "${taken.schema}" is live: add to it with --update-existing, or name another schema with --schema.`,
  );
}

/** Ids of the live collections by schema. */
async function liveCollectionIds(values: ImportValues): Promise<Map<string, string>> {
  return openTarget(values).withClient('import', async (client) => {
    if (!(await hasLedgerTable(client))) return new Map();
    const { rows } = await client.query<{ schema: string; id: string }>(
      'select schema, collection_id as id from chroma_migration.published_schemas',
    );
    return new Map(rows.map(({ schema: name, id }) => [name, id]));
  });
}

async function update(
  values: ImportValues,
  store: ShardStore,
  plan: Plan,
  interrupt: Interrupt,
): Promise<ExitCode> {
  const skip = values.onReject ? values.onReject === 'quarantine' : (values.skipErrors ?? false);
  const settings = { skip, verify: !values.noVerify };
  const certificate = await withProgress(values, (log) => {
    logPlanned(log, plan);
    const context = { database: openTarget(values), store, log };
    return interrupt.stops(updateExisting(context, plan, settings));
  });
  const { run, status, collections } = certificate;
  const place = store.urlOf(keys.certificate(run));
  if (values.json) {
    const said = { run, status, collections: collections.map(updatedOf), store: store.url };
    process.stdout.write(`${JSON.stringify({ ...said, certificate: place })}\n`);
  } else process.stdout.write(`${printableLines(updateText(certificate, place, plan.warnings))}\n`);
  return EXIT.done;
}
