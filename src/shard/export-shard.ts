import { createHash } from 'node:crypto';
import { ALL_PARTS, type ChromaSource } from '../chroma/chroma-source.ts';
import type { Page } from '../chroma/scan-page.ts';
import type { ExportShardOutput, ShardItem, ShardManifest } from '../contract.ts';
import { COPY_HEADER, COPY_TRAILER } from '../copy/copy-buffer.ts';
import { ShardEncoder } from '../copy/shard-encoder.ts';
import { SourceChanged } from '../errors.ts';
import { type Log, reportProgress } from '../log.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import { readManifest } from './manifest.ts';
import { ObjectWriter } from './object-writer.ts';

/**
 * Pages that are asked for at the same time. One reader leaves the server idle while its page is parsed;
 * four had the whole of its answer rate (docs/decisions.md).
 */
const READERS = 4;

export interface ExportContext {
  chroma: ChromaSource;
  store: ShardStore;
  log: Log;
}

/**
 * Exports one shard from Chroma to the store: COPY streams for both tables (or JSON lines), digests, rejects
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
  if (!done) await context.store.writeText(manifestKey, `${JSON.stringify(manifest, null, 2)}\n`);
  const { read, rejected } = manifest;
  return { run, schema, number, manifestKey, read, rejected, skipped: done !== null };
}

async function exportPages(context: ExportContext, shard: ShardItem): Promise<ShardManifest> {
  const startedAt = new Date().toISOString();
  const objects = new ShardObjects(context.store, shard);
  const encoder = new ShardEncoder(shard.collectionId, shard.dimension, shard.format);
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
    const { run, schema, number, format } = shard;
    const finishedAt = new Date().toISOString();
    return {
      ...{ version: 1, run, schema, number, format, read, written, rejected, checksum },
      ...{ objects: stored, firstId, lastId, startedAt, finishedAt },
    };
  } catch (error) {
    await objects.abort(error as Error);
    throw error;
  }
}

/** Pages in Chroma's order, READERS of them on their way at a time. */
async function* pagesInOrder(chroma: ChromaSource, shard: ShardItem): AsyncGenerator<Page> {
  const end = shard.offset + shard.records;
  const underWay: Promise<Page>[] = [];
  let next = shard.offset;
  const ask = () => {
    const limit = Math.min(shard.pageSize, end - next);
    const page = chroma.page(shard, { offset: next, limit }, ALL_PARTS, limit * shard.dimension);
    // A page that fails while an earlier one is awaited must not end the process.
    page.catch(() => undefined);
    underWay.push(page);
    next += limit;
  };
  for (;;) {
    while (underWay.length < READERS && next < end) ask();
    const page = underWay.shift();
    if (!page) return;
    yield await page;
  }
}

function checkUnchanged(shard: ShardItem, read: number, firstId: string | null, lastId: string | null): void {
  const where = `Collection "${shard.collection}" changed while it was read (shard ${shard.number}`;
  const remedy = 'start a new run, best while nobody writes to it';
  if (read !== shard.records)
    throw new SourceChanged(`${where}: ${read} records instead of ${shard.records}): ${remedy}.`);
  if (idHash(firstId) !== shard.firstIdHash || idHash(lastId) !== shard.lastIdHash)
    throw new SourceChanged(`${where}: other records stand at its borders): ${remedy}.`);
}

/** SHA-256 of an id's JSON text, as the plan keeps it for a shard's borders. */
export const idHash = (id: string | null): string =>
  createHash('sha256').update(JSON.stringify(id)).digest('hex');

export const idAt = (page: Page, index: number): string =>
  JSON.parse(page.bytes.toString('utf8', page.ids.starts[index], page.ids.ends[index])) as string;

/** Calls `tell` at most once a second. */
class Ticker {
  readonly #tell: () => void;
  #last = performance.now();
  constructor(tell: () => void) {
    this.#tell = tell;
  }
  tick(): void {
    if (performance.now() - this.#last < 1000) return;
    this.#last = performance.now();
    this.#tell();
  }
}

type EncodedPage = ReturnType<ShardEncoder['encode']>;

/** The objects of one shard, written side by side. */
class ShardObjects {
  readonly #shard: ShardItem;
  readonly #store: ShardStore;
  readonly #writers = new Map<'documents' | 'embeddings' | 'records' | 'digests' | 'rejects', ObjectWriter>();
  #written = 0;
  #rejected = 0;

  constructor(store: ShardStore, shard: ShardItem) {
    this.#store = store;
    this.#shard = shard;
    this.#open('digests');
    if (shard.format === 'jsonl') this.#open('records');
    else {
      this.#open('documents');
      this.#open('embeddings');
    }
  }

  async begin(): Promise<void> {
    await this.#writers.get('documents')?.write(COPY_HEADER);
    await this.#writers.get('embeddings')?.write(COPY_HEADER);
  }

  async write(page: EncodedPage): Promise<void> {
    this.#written += page.written;
    this.#rejected += page.rejects.length;
    if (page.rejects.length > 0) {
      const lines = page.rejects.map((reject) => `${JSON.stringify(reject)}\n`).join('');
      await this.#open('rejects').write(Buffer.from(lines));
    }
    await Promise.all([
      this.#writers.get('documents')?.write(page.documents),
      this.#writers.get('embeddings')?.write(page.embeddings),
      this.#writers.get('records')?.write(page.records),
      this.#writers.get('digests')?.write(page.digests),
    ]);
  }

  async finish() {
    await this.#writers.get('documents')?.write(COPY_TRAILER);
    await this.#writers.get('embeddings')?.write(COPY_TRAILER);
    const stored = await Promise.all(
      [...this.#writers].map(async ([name, writer]) => [name, await writer.finish()] as const),
    );
    return {
      written: this.#written,
      rejected: this.#rejected,
      stored: Object.fromEntries(stored) as ShardManifest['objects'],
    };
  }

  async abort(reason: Error): Promise<void> {
    await Promise.all([...this.#writers.values()].map((writer) => writer.abort(reason)));
  }

  #open(name: 'documents' | 'embeddings' | 'records' | 'digests' | 'rejects'): ObjectWriter {
    const { run, schema, number } = this.#shard;
    const writer = this.#writers.get(name) ?? new ObjectWriter(this.#store, keys[name](run, schema, number));
    this.#writers.set(name, writer);
    return writer;
  }
}
