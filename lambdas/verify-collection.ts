import type { CollectionItem, VerifyCollectionOutput } from '../src/contract.ts';
import { verifyCollection } from '../src/verify/verify-collection.ts';
import { log, openStore, openTarget } from './runtime.ts';
import { step } from './step.ts';

const context = { database: await openTarget(), store: await openStore(), log };

/** Verifies a collection's incoming tables: counts, checksums, dimension, metadata, searches. */
export const handler = step(
  (event: CollectionItem): Promise<VerifyCollectionOutput> => verifyCollection(context, event),
);
