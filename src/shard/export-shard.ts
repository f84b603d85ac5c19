import type { RecordSource } from '../chroma/record-source.ts';
import type { ExportShardOutput, ShardItem, ShardManifest } from '../contract.ts';
import { CopyBuffer } from '../copy/copy-buffer.ts';
import { EncoderMemory, ShardEncoder } from '../copy/shard-encoder.ts';
import { type Log, reportProgress } from '../log.ts';
import { sealed } from '../store/json.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import { readManifest } from './manifest.ts';
import { PageMemory } from './page-memory.ts';
import { ShardReader } from './read-shard.ts';
import { readShardIds } from './shard-ids.ts';
import { ShardObjects } from './shard-objects.ts';
import { Ticker } from './ticker.ts';

export interface ExportContext {
  chroma: RecordSource;
  store: ShardStore;
  log: Log;
  /** For those who export one shard after the other, and never two at a time. */
  memory?: ExportMemory;
}

/** What a shard is read into and encoded in, which the next one needs as well. */
export class ExportMemory {
  readonly ids = new CopyBuffer();
  readonly pages = new PageMemory();
  readonly encoder = new EncoderMemory();
}

/**
 * Exports one shard from Chroma to the store: a COPY stream for each table (or JSON lines), digests, rejects
 * and, last, the manifest. Memory holds a few pages, whatever the shard's size. A shard that has its
 * manifest is not exported again. What was deleted from Chroma since the plan is counted as vanished.
 */
export async function exportShard(context: ExportContext, shard: ShardItem): Promise<ExportShardOutput> {
  const { run, schema, collection, number } = shard;
  const manifestKey = keys.manifest(run, schema, number);
  const known = await readManifest(context.store, manifestKey);
  const done = known?.idsHash === shard.idsHash ? known : null;
  const manifest = done ?? (await exportPages(context, shard));
  if (!done) await context.store.writeText(manifestKey, sealed(manifest));
  const { read, rejected, vanished } = manifest;
  context.log.info('shard exported', {
    run,
    schema,
    shard: number,
    records: read,
    rejected,
    vanished,
    skipped: done !== null,
  });
  const skipped = done !== null;
  return { run, schema, collection, number, manifestKey, read, rejected, vanished, skipped };
}

async function exportPages(context: ExportContext, shard: ShardItem): Promise<ShardManifest> {
  const startedAt = new Date().toISOString();
  const objects = new ShardObjects(context.store, shard);
  const memory = context.memory ?? new ExportMemory();
  const ids = await readShardIds(context.store, shard, memory.ids);
  const reader = new ShardReader(context.chroma, shard, ids, memory.pages);
  const encoding = shard.content === 'digests' ? 'digests' : shard.format;
  const encoder = new ShardEncoder(shard, encoding, memory.encoder);
  const progress = new Ticker(() => {
    reportProgress(context.log, {
      phase: 'export',
      schema: shard.schema,
      shard: shard.number,
      records: read,
    });
  });
  let read = 0;
  try {
    await objects.begin();
    for await (const page of reader.pages()) {
      const encoded = encoder.encode(page, shard.offset + read);
      read += page.length;
      await objects.write(encoded);
      progress.tick();
    }
    await objects.writeVanished(reader.vanished);
    const { written, rejected, stored } = await objects.finish();
    const checksum = encoder.checksum().toString();
    const { run, schema, number, collection, collectionId, dimension, format, layout } = shard;
    const { content, idsHash } = shard;
    const finishedAt = new Date().toISOString();
    return {
      ...{ version: 2, run, schema, number, collection, collectionId, dimension, format, layout },
      ...{ content, idsHash, read: ids.length, written, rejected },
      ...{ vanished: reader.vanished.length, checksum, objects: stored, startedAt, finishedAt },
    };
  } catch (error) {
    await objects.abort(error as Error);
    throw error;
  }
}
