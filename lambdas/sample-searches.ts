import type { CollectionItem, SampleSearchesOutput } from '../src/contract.ts';
import { sampleSearches } from '../src/verify/sample-searches.ts';
import { stepOfEach } from './batch.ts';
import { log, openChroma, openStore } from './runtime.ts';

const context = { chroma: await openChroma(), store: await openStore(), log };

/** Searches Chroma for some of its own records and keeps the answers for the verification. */
export const handler = stepOfEach(
  (collection: CollectionItem): Promise<SampleSearchesOutput> => sampleSearches(context, collection),
);
