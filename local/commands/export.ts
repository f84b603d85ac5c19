import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pMap from 'p-map';
import { isServer } from '../../src/chroma/record-source.ts';
import type { ShardItem } from '../../src/contract.ts';
import { addChecksums } from '../../src/copy/digest.ts';
import { exportFiles, FILE_VECTOR_BYTES } from '../../src/files/export-files.ts';
import { type ExportManifest, manifestKey } from '../../src/files/export-manifest.ts';
import type { Log } from '../../src/log.ts';
import { MigrationInput } from '../../src/migration-input.ts';
import { type MadePlan, makePlan } from '../../src/plan/make-plan.ts';
import { storePlan } from '../../src/plan/store-plan.ts';
import { exportShard } from '../../src/shard/export-shard.ts';
import { requireManifest } from '../../src/shard/manifest.ts';
import { FileStore } from '../../src/store/file-store.ts';
import { sampleSearches } from '../../src/verify/sample-searches.ts';
import { serveSource } from '../chroma-folder.ts';
import { type Command, EXIT } from '../command-line/command.ts';
import { UsageError, type Values } from '../command-line/options.ts';
import { condition, integer, place } from '../command-line/values.ts';
import { type FilePlace, openFilePlace } from '../file-places.ts';
import { onInterrupt } from '../interrupt.ts';
import { exportOutput } from '../output/file-schemas.ts';
import { printableLines } from '../progress/progress-line.ts';
import { withProgress } from '../progress/with-progress.ts';
import { newRunName } from '../run-name.ts';
import {
  openSource,
  outputOptions,
  readableSourceOptions,
  requestOf,
  selectionOptions,
} from '../source-options.ts';
import { alignedTable } from '../summary.ts';

const { collections, tenants, databases } = selectionOptions;
const options = {
  ...readableSourceOptions,
  output: place('FILE.jsonl, folder or s3://BUCKET/PREFIX; FILE.jsonl.gz and .zst are compressed', {
    required: true,
  }),
  format: selectionOptions.format,
  batchSize: integer('records that Chroma is asked for at a time; by default as many as make about 4 MB', {
    min: 1,
    max: 100_000,
  }),
  ...{ collections, tenants, databases },
  where: condition('only records whose metadata are so, in Chroma’s own words'),
  limit: integer('at most so many records of each collection', { min: 1, max: Number.MAX_SAFE_INTEGER }),
  ...outputOptions,
};
options.format = { ...options.format, help: 'JSON lines (default), or the bytes that Postgres reads' };

type ExportValues = Values<typeof options>;

export const exportCommand: Command<typeof options> = {
  name: 'export',
  summary: 'writes what Chroma holds to files: JSON lines, or the bytes that Postgres reads',
  description:
    'Writes each record as one line of JSON (id, document, metadata, uri, embedding), the very bytes that Chroma sent, and beside them a manifest with counts and checksums, which import compares. The source is a Chroma server, or a folder of its PersistentClient, which is copied and never written to.',
  options,
  examples: [
    'chroma-to-pgvector export --source http://localhost:8000 --output ./migration/chromadb-export.jsonl --verbose',
    'chroma-to-pgvector export --source ./chroma --output ./migration/chromadb-export --batch-size 1000 --format jsonl',
    'chroma-to-pgvector export --source http://localhost:8000 --output docs.jsonl.zst --collections docs --limit 1000',
  ],
  output: exportOutput,
  async run(values) {
    await checkParts(values);
    const output = await openFilePlace(values.output as string);
    const interrupt = onInterrupt('what was written is not whole, export again');
    const source = await serveSource(values.source as string);
    const chroma = openSource({ ...values, source: source.url });
    try {
      const manifest = await withProgress(values, (log) =>
        interrupt.stops(exportAll(values, chroma, output, log)),
      );
      if (values.json) process.stdout.write(`${JSON.stringify(exportJson(manifest, output))}\n`);
      else process.stdout.write(`${printableLines(exportText(manifest, output, values.verbose))}\n`);
      return EXIT.done;
    } finally {
      interrupt.release();
      await chroma.close();
      await source.stop();
    }
  },
};

/** @throws UsageError */
async function checkParts({ format, where, limit, output }: ExportValues): Promise<void> {
  if (format !== 'pgcopy') return;
  const mistakes: string[] = [];
  if (where || limit)
    mistakes.push('--where and --limit need --format jsonl: shards of COPY bytes are whole runs of records');
  if ((await openFilePlace(output as string)).file !== null)
    mistakes.push('--format pgcopy writes many objects: pass a folder or s3://BUCKET/PREFIX as --output');
  if (mistakes.length > 0) throw new UsageError(mistakes);
}

async function exportAll(
  values: ExportValues,
  chroma: ReturnType<typeof openSource>,
  output: FilePlace,
  log: Log,
): Promise<ExportManifest> {
  const { batchSize, where, limit = null, format = 'jsonl' } = values;
  const run = newRunName('export');
  const request = {
    ...requestOf(values),
    format,
    ...(format === 'jsonl' && { shardBytes: FILE_VECTOR_BYTES }),
  };
  const ids = format === 'pgcopy' ? output.store : await temporaryStore();
  const made = await makePlan(chroma, run, MigrationInput.parse(request), ids, log);
  // A server on a copy of a folder has an address that nobody knows.
  if (!isServer(values.source as string)) made.plan.source = values.source as string;
  if (batchSize !== undefined) for (const shard of made.shards) shard.pageSize = batchSize;
  const { plan, shards } = made;
  const records = plan.collections.reduce((sum, one) => sum + Math.min(one.records, limit ?? one.records), 0);
  log.info('planned', { records, collections: plan.collections.length });
  // What stands there is no longer whole from here on.
  await output.store.delete(manifestKey(output.file));
  if (format === 'pgcopy') return exportShards({ chroma, store: output.store, log }, made);
  return exportFiles({ chroma, store: output.store, ids, log }, plan, shards, {
    file: output.file,
    where,
    limit,
  });
}

/** For the ids that are listed before records are read; gone when the process ends. */
async function temporaryStore(): Promise<FileStore> {
  const folder = await mkdtemp(join(tmpdir(), 'chroma-to-pgvector-export-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return new FileStore(folder);
}

/** The store of a run of which only the export is done, searches sampled: import goes on with it. */
async function exportShards(
  context: Parameters<typeof exportShard>[0],
  made: MadePlan,
): Promise<ExportManifest> {
  const { store } = context;
  const { plan, shards } = made;
  // Searches are sampled of a source that answers.
  await storePlan(store, { plan: { ...plan, source: context.chroma.origin }, shards });
  const manifests = await pMap(
    shards,
    async (shard: ShardItem) => {
      const { manifestKey: key } = await exportShard(context, shard);
      return requireManifest(store, key);
    },
    { concurrency: 2 },
  );
  for (const { schema, collection } of plan.collections)
    await sampleSearches(context, { run: plan.run, schema, collection });
  // From here on it is the store that is read.
  await storePlan(store, { plan: { ...plan, source: store.url }, shards });
  const manifest: ExportManifest = {
    ...{ version: 1, createdAt: plan.createdAt, source: plan.source, sourceVersion: plan.sourceVersion },
    ...{ format: 'pgcopy', run: plan.run, part: null },
    collections: plan.collections.map((collection) => {
      const own = manifests.filter(({ schema }) => schema === collection.schema);
      return {
        plan: collection,
        files: own.flatMap(({ objects, written }) =>
          Object.values(objects).map((object) => ({ ...object, records: written })),
        ),
        records: own.reduce((sum, { read, vanished }) => sum + read - vanished, 0),
        unholdable: own.reduce((sum, { rejected }) => sum + rejected, 0),
        checksum: addChecksums(own.map(({ checksum }) => checksum)),
      };
    }),
  };
  await store.writeText(manifestKey(null), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** Bytes of the files, each once. */
function bytesOf(collections: ExportManifest['collections']): number {
  const sizes = new Map(
    collections.flatMap(({ files }) => files.map(({ key, bytes }) => [key, bytes] as const)),
  );
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}

const exportJson = (manifest: ExportManifest, { store, name }: FilePlace) => ({
  output: name,
  format: manifest.format,
  records: manifest.collections.reduce((sum, { records }) => sum + records, 0),
  bytes: bytesOf(manifest.collections),
  collections: manifest.collections.map(({ plan, files, records, unholdable, checksum }) => ({
    ...{ tenant: plan.tenant, database: plan.database, collection: plan.collection },
    ...{ dimension: plan.dimension, space: plan.space, records, unholdable, checksum },
    files: files.map((file) => ({ path: store.urlOf(file.key), records: file.records, bytes: file.bytes })),
  })),
});

const count = new Intl.NumberFormat('en');
const megabytes = (bytes: number) => `${count.format(Math.ceil(bytes / 1e5) / 10)} MB`;

function exportText(
  manifest: ExportManifest,
  { store, file, name }: FilePlace,
  verbose: true | undefined,
): string {
  const { collections } = manifest;
  const records = collections.reduce((sum, one) => sum + one.records, 0);
  const unholdable = collections.reduce((sum, one) => sum + one.unholdable, 0);
  const rows = collections.map((one) => [
    one.plan.collection,
    count.format(one.records),
    one.plan.dimension === null ? '–' : String(one.plan.dimension),
    one.plan.space,
    // One file of all is of none.
    file !== null && collections.length > 1 ? '–' : megabytes(bytesOf([one])),
    one.checksum,
  ]);
  const note = `Note: ${count.format(unholdable)} records hold what Postgres cannot (NUL in a text, null in a vector); the files have them as they are, and import names them.`;
  const keys = [...new Set(collections.flatMap(({ files }) => files.map(({ key }) => key)))];
  return [
    `Exported ${count.format(records)} records of ${collections.length} collection${collections.length === 1 ? '' : 's'} to ${name}: ${megabytes(bytesOf(collections))}.`,
    '',
    ...alignedTable([['collection', 'records', 'dimension', 'space', 'size', 'checksum'], ...rows], 1),
    ...(unholdable > 0 ? ['', note] : []),
    ...(verbose ? ['', ...keys.map((key) => `File      ${store.urlOf(key)}`)] : []),
    '',
    `Manifest  ${store.urlOf(manifestKey(file))}`,
  ].join('\n');
}
