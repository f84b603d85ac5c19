import type { CollectionItem, VerifyCollectionOutput } from '../src/contract.ts';
import { verifyCollection } from '../src/verify/verify-collection.ts';
import { stepOfEach } from './batch.ts';
import { log, openStore, openTarget } from './runtime.ts';

const context = { database: await openTarget(), store: await openStore(), log };

/** Verifies the incoming tables of a batch's collections: counts, checksums, dimension, metadata, searches. */
export const handler = stepOfEach(
  (collection: CollectionItem): Promise<VerifyCollectionOutput> => verifyCollection(context, collection),
);
