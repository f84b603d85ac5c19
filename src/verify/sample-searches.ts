import { AnswerFailed } from '../chroma/http.ts';
import { isServer, type RecordSource } from '../chroma/record-source.ts';
import type { Page } from '../chroma/scan-page.ts';
import type { CollectionItem, CollectionPlan, SampledSearches, SampleSearchesOutput } from '../contract.ts';
import { StoreRefused } from '../errors.ts';
import type { Log } from '../log.ts';
import { requireCollectionPlan } from '../plan/plan-file.ts';
import { fitsIndex } from '../postgres/vector-index.ts';
import { idAt } from '../shard/pages.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';

/** The k of recall@k. */
export const NEIGHBOURS = 10;

/**
 * Searches Chroma for the vectors of some of its own records, spread evenly over the collection, and keeps
 * its answers in the store for the verification, which need not reach Chroma. Searches come one after the
 * other, so that their times mean something.
 */
export async function sampleSearches(
  { chroma, store, log }: { chroma: RecordSource; store: ShardStore; log: Log },
  { run, schema }: CollectionItem,
): Promise<SampleSearchesOutput> {
  const plan = await requireCollectionPlan(store, run, schema);
  const searchesKey = keys.searches(run, schema);
  if (!isServer(plan.source)) return storedSample(store, run, schema);
  const collection = plan.collections.find((one) => one.schema === schema) as CollectionPlan;
  const records = await chroma.count(collection);
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
  await store.writeText(searchesKey, JSON.stringify(samples));
  log.info('searches sampled', { run, schema, sampled: samples.queries.length });
  return { run, schema, searchesKey, sampled: samples.queries.length };
}

/** Files were sampled when they were read. */
async function storedSample(store: ShardStore, run: string, schema: string): Promise<SampleSearchesOutput> {
  const searchesKey = keys.searches(run, schema);
  const text = await store.readText(searchesKey);
  if (text === null)
    throw new StoreRefused(
      `The store ${store.url} has lost ${searchesKey}: import again with another --run.`,
    );
  const { queries } = JSON.parse(text) as SampledSearches;
  return { run, schema, searchesKey, sampled: queries.length };
}

/** Small collections need fewer: ten thousand collections of 50 records take 8 searches each, not 50. */
export const samplesOf = (records: number, asked: number) => Math.min(asked, Math.ceil(Math.sqrt(records)));

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
    const record = all ? sampleOf(all, offset) : await recordAt(chroma, collection, offset);
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
  return page && sampleOf(page, 0);
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

/** A record that can be searched for has a finite vector other than zero, which the index can be asked for. */
function sampleOf(page: Page, index: number): SampledRecord | null {
  const { embeddings } = page;
  if (index >= page.length || !embeddings?.finite[index]) return null;
  const { components, offsets } = embeddings;
  const embedding = components.subarray(offsets[index], offsets[index + 1]);
  if (embedding.every((component) => component === 0) || !fitsIndex(embedding)) return null;
  return { id: idAt(page, index), embedding: [...embedding] };
}
