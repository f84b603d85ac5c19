import type { RecordSource } from '../chroma/record-source.ts';
import type { ExportShardOutput, ShardItem, ShardManifest } from '../contract.ts';
import { ShardEncoder } from '../copy/shard-encoder.ts';
import { SourceChanged } from '../errors.ts';
import { type Log, reportProgress } from '../log.ts';
import { sealed } from '../store/json.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import { readManifest } from './manifest.ts';
import { idAt, idHash, pagesInOrder } from './pages.ts';
import { ShardObjects } from './shard-objects.ts';
import { Ticker } from './ticker.ts';

export interface ExportContext {
  chroma: RecordSource;
  store: ShardStore;
  log: Log;
}

/**
 * Exports one shard from Chroma to the store: a COPY stream for each table (or JSON lines), digests, rejects
 * and, last, the manifest. Memory holds a few pages, whatever the shard's size. A shard that has its
 * manifest is not exported again.
 *
 * @throws SourceChanged if the collection is not what it was when the plan was made
 */
export async function exportShard(context: ExportContext, shard: ShardItem): Promise<ExportShardOutput> {
  const { run, schema, number } = shard;
  const manifestKey = keys.manifest(run, schema, number);
  const done = await readManifest(context.store, manifestKey);
  const manifest = done ?? (await exportPages(context, shard));
  if (!done) await context.store.writeText(manifestKey, sealed(manifest));
  const { read, rejected } = manifest;
  context.log.info('shard exported', {
    run,
    schema,
    shard: number,
    records: read,
    rejected,
    skipped: done !== null,
  });
  return { run, schema, number, manifestKey, read, rejected, skipped: done !== null };
}

async function exportPages(context: ExportContext, shard: ShardItem): Promise<ShardManifest> {
  const startedAt = new Date().toISOString();
  const objects = new ShardObjects(context.store, shard);
  const encoder = new ShardEncoder(shard, shard.format);
  const progress = new Ticker(() => {
    reportProgress(context.log, {
      phase: 'export',
      schema: shard.schema,
      shard: shard.number,
      records: read,
    });
  });
  let read = 0;
  let firstId: string | null = null;
  let lastId: string | null = null;
  try {
    await objects.begin();
    for await (const page of pagesInOrder(context.chroma, shard)) {
      const encoded = encoder.encode(page, shard.offset + read);
      if (page.length > 0) {
        firstId ??= idAt(page, 0);
        lastId = idAt(page, page.length - 1);
      }
      read += page.length;
      await objects.write(encoded);
      progress.tick();
    }
    checkUnchanged(shard, read, firstId, lastId);
    const { written, rejected, stored } = await objects.finish();
    const checksum = encoder.checksum().toString();
    const { run, schema, number, collection, collectionId, dimension, format, layout } = shard;
    const finishedAt = new Date().toISOString();
    return {
      ...{ version: 1, run, schema, number, collection, collectionId, dimension, format, layout },
      ...{ read, written, rejected, checksum },
      ...{ objects: stored, firstId, lastId, startedAt, finishedAt },
    };
  } catch (error) {
    await objects.abort(error as Error);
    throw error;
  }
}

/** @throws SourceChanged if the records that were read are not those that were planned */
export function checkUnchanged(
  shard: ShardItem,
  read: number,
  firstId: string | null,
  lastId: string | null,
): void {
  const where = `Collection "${shard.collection}" changed while it was read (shard ${shard.number}`;
  const remedy = 'start a new run, best while nobody writes to it';
  if (read !== shard.records)
    throw new SourceChanged(`${where}: ${read} records instead of ${shard.records}): ${remedy}.`);
  if (idHash(firstId) !== shard.firstIdHash || idHash(lastId) !== shard.lastIdHash)
    throw new SourceChanged(`${where}: other records stand at its borders): ${remedy}.`);
}
