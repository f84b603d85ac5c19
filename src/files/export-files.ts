import { PassThrough, type Transform } from 'node:stream';
import { createGzip, createZstdCompress } from 'node:zlib';
import pMap from 'p-map';
import type { RecordSource } from '../chroma/record-source.ts';
import type { Page } from '../chroma/scan-page.ts';
import type { Plan, ShardItem } from '../contract.ts';
import { addChecksums } from '../copy/digest.ts';
import { recordJson } from '../copy/record.ts';
import { ShardEncoder } from '../copy/shard-encoder.ts';
import { InvalidInput } from '../errors.ts';
import { type Log, reportProgress } from '../log.ts';
import { ShardReader } from '../shard/read-shard.ts';
import { readShardIds } from '../shard/shard-ids.ts';
import { Ticker } from '../shard/ticker.ts';
import type { ShardStore } from '../store/store.ts';
import {
  type ExportedCollection,
  type ExportedFile,
  type ExportManifest,
  manifestKey,
} from './export-manifest.ts';
import { selectedPages } from './selected-pages.ts';

/** Vector bytes of one file: about three times as much in JSON, far below the 80 GiB that S3 takes in one upload. */
export const FILE_VECTOR_BYTES = 1024 ** 3;
/** Files that are written at the same time: each has four readers of its own. */
const FILES_AT_A_TIME = 2;

export interface ExportFilesContext {
  chroma: RecordSource;
  store: ShardStore;
  /** Where the ids of the parts lie. */
  ids: ShardStore;
  log: Log;
}

export interface ExportFilesSettings {
  /** Key of the one file for all records; null: files of their own for each collection. */
  file: string | null;
  where: unknown;
  /** Records of each collection at most. */
  limit: number | null;
}

/** One file's part of a collection, and what it comes to. */
interface Part {
  file: ExportedFile;
  schema: string;
  unholdable: number;
  checksum: string;
}

/**
 * Writes records as JSON lines, the very bytes that Chroma sent, and what they come to beside them, last of all.
 * Memory holds a few pages, whatever the collection's size. What is deleted meanwhile is missing, and the log says so.
 */
export async function exportFiles(
  context: ExportFilesContext,
  plan: Plan,
  shards: readonly ShardItem[],
  settings: ExportFilesSettings,
): Promise<ExportManifest> {
  const { file, where, limit } = settings;
  const parts = partsOf(shards, where, limit);
  const written =
    file === null
      ? await pMap(parts, (part) => writeFile(context, keyOf(part, parts), [part], settings), {
          concurrency: FILES_AT_A_TIME,
        })
      : [await writeFile(context, checkNames(plan, file), parts, settings)];
  const all = written.flat();
  const manifest: ExportManifest = {
    ...{ version: 1, createdAt: new Date().toISOString(), source: plan.source },
    ...{ sourceVersion: plan.sourceVersion, format: 'jsonl', run: null },
    part: where === undefined && limit === null ? null : { where: where ?? null, limit },
    collections: plan.collections.map((collection): ExportedCollection => {
      const own = all.filter(({ schema }) => schema === collection.schema);
      return {
        plan: collection,
        files: own.map((one) => one.file),
        records: own.reduce((sum, one) => sum + one.file.records, 0),
        unholdable: own.reduce((sum, one) => sum + one.unholdable, 0),
        checksum: addChecksums(own.map(({ checksum }) => checksum)),
      };
    }),
  };
  await context.store.writeText(manifestKey(file), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** A condition or a limit leaves the collection's records as one part; the shards are the parts otherwise. */
function partsOf(shards: readonly ShardItem[], where: unknown, limit: number | null): ShardItem[] {
  if (where !== undefined) return shards.filter(({ number }) => number === 0);
  if (limit === null) return [...shards];
  return shards
    .filter(({ offset }) => offset < limit)
    .map((shard) => ({ ...shard, records: Math.min(shard.records, limit - shard.offset) }));
}

/** `docs.jsonl`, or `docs.00002.jsonl` where a collection has several. */
function keyOf({ schema, number }: ShardItem, parts: readonly ShardItem[]): string {
  const isOnly = parts.filter((part) => part.schema === schema).length === 1;
  return isOnly ? `${schema}.jsonl` : `${schema}.${String(number).padStart(5, '0')}.jsonl`;
}

/** In one file a collection is known by its name alone. @throws InvalidInput */
function checkNames({ collections }: Plan, file: string): string {
  const names = collections.map(({ collection }) => collection);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new InvalidInput(
      `Several databases have a collection "${twice}", and a single file names no database: pass a folder as --output, or one of them with --databases.`,
    );
  return file;
}

async function writeFile(
  context: ExportFilesContext,
  key: string,
  parts: readonly ShardItem[],
  settings: ExportFilesSettings,
): Promise<Part[]> {
  const { store } = context;
  const written: Omit<Part, 'file'>[] = [];
  const records: number[] = [];
  const named = settings.file !== null && new Set(parts.map(({ schema }) => schema)).size > 1;
  const lines = async function* () {
    for (const part of parts) {
      const encoder = new ShardEncoder(part, 'digests');
      const counts = { read: 0, unholdable: 0 };
      const pages = pagesOf(context, part, settings);
      for await (const page of pages) {
        const { rejects } = encoder.encode(page, part.offset + counts.read);
        counts.read += page.length;
        counts.unholdable += rejects.length;
        yield linesOf(page, named ? part.collection : null);
      }
      written.push({
        schema: part.schema,
        unholdable: counts.unholdable,
        checksum: encoder.checksum().toString(),
      });
      records.push(counts.read);
    }
  };
  const stored = await store.write(key, compressed(key, lines()));
  return written.map((part, index) => ({ ...part, file: { ...stored, records: records[index] as number } }));
}

/** The pages of a part, told to the log as they come. */
async function* pagesOf(
  { chroma, ids, log }: ExportFilesContext,
  part: ShardItem,
  { where, limit }: ExportFilesSettings,
): AsyncGenerator<Page> {
  const { schema, number: shard } = part;
  let read = 0;
  const progress = new Ticker(() => reportProgress(log, { phase: 'export', schema, shard, records: read }));
  const reader = new ShardReader(chroma, part, (await readShardIds(ids, part)).first(part.records));
  const pages =
    where === undefined
      ? reader.pages()
      : selectedPages(chroma, part, { where, limit: limit ?? Number.POSITIVE_INFINITY });
  for await (const page of pages) {
    read += page.length;
    progress.tick();
    yield page;
  }
  reportProgress(log, { phase: 'export', schema, shard, records: read });
  if (reader.vanished.length > 0)
    log.warn(
      `${reader.vanished.length} records of collection "${part.collection}" were deleted from Chroma before they were read.`,
    );
}

const LINE_END = Buffer.from('\n');

/** The page's records as lines. @param collection is added to each, where a file holds several */
function linesOf(page: Page, collection: string | null): Buffer {
  const head = collection === null ? null : Buffer.from(`{"collection":${JSON.stringify(collection)},`);
  const lines: Buffer[] = [];
  for (let index = 0; index < page.length; index++) {
    const line = recordJson(page, index);
    if (head) lines.push(head, line.subarray(1), LINE_END);
    else lines.push(line, LINE_END);
  }
  return Buffer.concat(lines);
}

/** `….gz` and `….zst` are what their names say. */
function compressed(key: string, lines: AsyncIterable<Buffer>): Transform {
  const stream = key.endsWith('.gz')
    ? createGzip()
    : key.endsWith('.zst')
      ? createZstdCompress()
      : new PassThrough();
  // A failure may come before the store has begun to listen, and an error that nobody hears ends the process.
  stream.on('error', () => undefined);
  feed(lines, stream).catch((error) => stream.destroy(error));
  return stream;
}

async function feed(lines: AsyncIterable<Buffer>, stream: Transform): Promise<void> {
  for await (const block of lines) {
    if (stream.destroyed) return;
    if (!stream.write(block))
      await new Promise((resolve) => stream.once('drain', resolve).once('close', resolve));
  }
  stream.end();
}
