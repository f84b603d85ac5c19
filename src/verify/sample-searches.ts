import { hash } from 'node:crypto';
import { AnswerFailed } from '../chroma/http.ts';
import { isServer, type RecordSource } from '../chroma/record-source.ts';
import { type Page, scanPage } from '../chroma/scan-page.ts';
import type { CollectionItem, CollectionPlan, SampledSearches, SampleSearchesOutput } from '../contract.ts';
import { CopyBuffer } from '../copy/copy-buffer.ts';
import { StoreRefused } from '../errors.ts';
import type { Log } from '../log.ts';
import { requireCollectionPlan } from '../plan/plan-file.ts';
import { fitsIndex } from '../postgres/vector-index.ts';
import { PageMemory } from '../shard/page-memory.ts';
import { idAt } from '../shard/pages.ts';
import { readJson } from '../store/json.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import { findSourceChanges } from './source-changes.ts';

/** The k of recall@k. */
export const NEIGHBOURS = 10;

/** Neighbours whose vectors are asked for at a time: 1 MB of JSON at 1,536 dimensions. */
const VECTORS_A_PAGE = 64;

/**
 * Says what Chroma holds now, for the verification, which need not reach it: its answers to searches for the vectors
 * of some of its own records, spread evenly over the collection, and which ids are not those of the plan. Searches come
 * one after the other, so that their times mean something.
 */
export async function sampleSearches(
  { chroma, store, log }: { chroma: RecordSource; store: ShardStore; log: Log },
  item: CollectionItem,
): Promise<SampleSearchesOutput> {
  const { run, schema } = item;
  const plan = await requireCollectionPlan(store, run, schema);
  const searchesKey = keys.searches(run, schema);
  if (!isServer(plan.source)) return storedSample(store, item);
  const collection = plan.collections.find((one) => one.schema === schema) as CollectionPlan;
  const changes = await findSourceChanges(chroma, store, run, collection);
  await store.writeText(keys.changes(run, schema), JSON.stringify(changes));
  const { records } = changes;
  const samples: SampledSearches = { schema, records, dimension: collection.dimension, queries: [] };
  const wanted = samplesOf(records, plan.options.sampleSize);
  const offsets = Array.from({ length: wanted }, (_, sample) =>
    Math.floor(((sample + 0.5) * records) / wanted),
  );
  for await (const record of recordsAt(chroma, collection, offsets, records)) {
    const started = performance.now();
    const [nearest] = await chroma.nearest(collection, [record.embedding], NEIGHBOURS);
    const milliseconds = performance.now() - started;
    const distances = (nearest?.distances ?? []).map((distance) =>
      Number.isFinite(distance) ? distance : null,
    );
    samples.queries.push({ ...record, ids: nearest?.ids ?? [], distances, milliseconds });
  }
  samples.vectors = await vectorHashes(chroma, collection, [
    ...new Set(samples.queries.flatMap(({ ids }) => ids)),
  ]);
  await store.writeText(searchesKey, JSON.stringify(samples));
  log.info('searches sampled', { run, schema, sampled: samples.queries.length });
  return { ...item, searchesKey, sampled: samples.queries.length };
}

/** Files were sampled when they were read. */
async function storedSample(store: ShardStore, item: CollectionItem): Promise<SampleSearchesOutput> {
  const searchesKey = keys.searches(item.run, item.schema);
  const stored = await readJson<SampledSearches>(store, searchesKey, 'import again with another --run');
  if (!stored)
    throw new StoreRefused(
      `The store ${store.url} has lost ${searchesKey}: import again with another --run.`,
    );
  return { ...item, searchesKey, sampled: stored.queries.length };
}

/** Small collections need fewer: ten thousand collections of 50 records take 8 searches each, not 50. */
export const samplesOf = (records: number, asked: number) => Math.min(asked, Math.ceil(Math.sqrt(records)));

/** By id, what Postgres computes of the same vector (src/verify/exact-searches.ts). */
async function vectorHashes(
  chroma: RecordSource,
  collection: CollectionPlan,
  ids: string[],
): Promise<Record<string, string>> {
  const hashes: [string, string][] = [];
  const vector = new CopyBuffer();
  const memory = new PageMemory();
  for (let from = 0; from < ids.length; from += VECTORS_A_PAGE) {
    const wanted = { ids: ids.slice(from, from + VECTORS_A_PAGE) };
    const bytes = await chroma
      .pageBytes(collection, wanted, ['embeddings'], { allocate: memory.take })
      .catch((error) => {
        // The export rejects the record that Chroma cannot deliver.
        if (error instanceof AnswerFailed) return null;
        throw error;
      });
    if (!bytes) continue;
    const page = scanPage(bytes, memory.room(VECTORS_A_PAGE * (collection.dimension ?? 0)));
    for (let index = 0; page.embeddings && index < page.length; index++) {
      const { components, offsets } = page.embeddings;
      vector.clear();
      vector.vector(components.subarray(offsets[index], offsets[index + 1]));
      hashes.push([idAt(page, index), hash('sha256', vector.view(), 'hex')]);
    }
    memory.giveBack(bytes);
  }
  return Object.fromEntries(hashes);
}

/** Collections of no more are read in one page: of ten thousand small ones a request for each record is most of the work. */
const READ_WHOLE = 100;

interface SampledRecord {
  id: string;
  embedding: number[];
}

async function* recordsAt(
  chroma: RecordSource,
  collection: CollectionPlan,
  offsets: readonly number[],
  records: number,
): AsyncGenerator<SampledRecord> {
  const all = records <= READ_WHOLE ? await embeddingsAt(chroma, collection, 0, records) : null;
  for (const offset of offsets) {
    const record = all
      ? sampleOf(all, offset, collection.dimension)
      : await recordAt(chroma, collection, offset);
    if (record) yield record;
  }
}

type SampledCollection = Pick<CollectionPlan, 'tenant' | 'database' | 'collectionId' | 'dimension'>;

/** A record that can be searched for, or null. */
export async function recordAt(
  chroma: RecordSource,
  collection: SampledCollection,
  offset: number,
): Promise<SampledRecord | null> {
  const page = await embeddingsAt(chroma, collection, offset, 1);
  return page && sampleOf(page, 0, collection.dimension);
}

/** null where the server cannot deliver them */
async function embeddingsAt(
  chroma: RecordSource,
  collection: SampledCollection,
  offset: number,
  limit: number,
): Promise<Page | null> {
  try {
    const room = limit * (collection.dimension ?? 0);
    return await chroma.page(collection, { offset, limit }, ['embeddings'], room);
  } catch (error) {
    if (error instanceof AnswerFailed) return null;
    throw error;
  }
}

function sampleOf(page: Page, index: number, dimension: number | null): SampledRecord | null {
  const { embeddings } = page;
  if (index >= page.length || !embeddings?.finite[index]) return null;
  const { components, offsets } = embeddings;
  const embedding = components.subarray(offsets[index], offsets[index + 1]);
  return isSearchable(embedding, dimension) ? { id: idAt(page, index), embedding: [...embedding] } : null;
}

/** A record that can be searched for has a finite vector other than zero, which the tables and the index can be asked for. */
export const isSearchable = (embedding: Float32Array, dimension: number | null): boolean =>
  embedding.length === dimension && embedding.some((component) => component !== 0) && fitsIndex(embedding);
