import { AnswerFailed } from '../chroma/http.ts';
import { isServer, type RecordSource } from '../chroma/record-source.ts';
import type { CollectionItem, CollectionPlan, SampledSearches, SampleSearchesOutput } from '../contract.ts';
import { StoreRefused } from '../errors.ts';
import type { Log } from '../log.ts';
import { requireCollectionPlan } from '../plan/plan-file.ts';
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
  for (let sample = 0; sample < wanted; sample++) {
    const offset = Math.floor(((sample + 0.5) * records) / wanted);
    const record = await recordAt(chroma, collection, offset);
    if (!record) continue;
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

/** A record that can be searched for: with a finite vector other than zero. */
export async function recordAt(
  chroma: RecordSource,
  collection: Pick<CollectionPlan, 'tenant' | 'database' | 'collectionId' | 'dimension'>,
  offset: number,
) {
  const range = { offset, limit: 1 };
  const page = await chroma
    .page(collection, range, ['embeddings'], collection.dimension ?? 0)
    .catch((error) => {
      // The record is rejected by the export for the same reason.
      if (error instanceof AnswerFailed) return null;
      throw error;
    });
  if (!page?.embeddings?.finite[0]) return null;
  const { embeddings } = page;
  const embedding = [...embeddings.components.subarray(0, embeddings.offsets[1])];
  if (embedding.every((component) => component === 0)) return null;
  return { id: idAt(page, 0), embedding };
}
