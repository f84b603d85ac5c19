import type { ChromaSource } from '../chroma/chroma-source.ts';
import type { CollectionItem, CollectionPlan, SampledSearches, SampleSearchesOutput } from '../contract.ts';
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
  { chroma, store, log }: { chroma: ChromaSource; store: ShardStore; log: Log },
  { run, schema }: CollectionItem,
): Promise<SampleSearchesOutput> {
  const plan = await requireCollectionPlan(store, run, schema);
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
  const searchesKey = keys.searches(run, schema);
  await store.writeText(searchesKey, JSON.stringify(samples));
  log.info('searches sampled', { run, schema, sampled: samples.queries.length });
  return { run, schema, searchesKey, sampled: samples.queries.length };
}

/** Small collections need fewer: ten thousand collections of 50 records take 8 searches each, not 50. */
const samplesOf = (records: number, asked: number) => Math.min(asked, Math.ceil(Math.sqrt(records)));

/** A record that can be searched for: with a finite vector other than zero. */
export async function recordAt(
  chroma: ChromaSource,
  collection: Pick<CollectionPlan, 'tenant' | 'database' | 'collectionId' | 'dimension'>,
  offset: number,
) {
  const page = await chroma.page(collection, { offset, limit: 1 }, ['embeddings'], collection.dimension ?? 0);
  const { embeddings } = page;
  if (page.length === 0 || !embeddings?.finite[0]) return null;
  const embedding = [...embeddings.components.subarray(0, embeddings.offsets[1])];
  if (embedding.every((component) => component === 0)) return null;
  return { id: idAt(page, 0), embedding };
}
