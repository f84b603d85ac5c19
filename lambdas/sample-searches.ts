import type { CollectionItem, SampleSearchesOutput } from '../src/contract.ts';
import { sampleSearches } from '../src/verify/sample-searches.ts';
import { log, openChroma, openStore } from './runtime.ts';
import { step } from './step.ts';

const context = { chroma: await openChroma(), store: await openStore(), log };

/** Searches Chroma for some of its own records and keeps the answers for the verification. */
export const handler = step(
  (event: CollectionItem): Promise<SampleSearchesOutput> => sampleSearches(context, event),
);
