import type { DistributedMap } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { Batch, CollectionItem } from '../../src/contract.ts';
import { invokeStep } from './invoke-step.ts';
import type { Rooms } from './rooms.ts';
import { storeMap } from './store-map.ts';

/**
 * VerifyCollections: strict, so that nothing is published that was not verified. Chroma is on the internet and the
 * database in isolated subnets, so no function reaches both: one writes Chroma's answers to the store, the other
 * compares the tables with them.
 */
export function verificationStates(scope: Construct, { steps, store }: Rooms): DistributedMap {
  const sampleSearches = invokeStep<Batch<CollectionItem>>(scope, 'SampleSearches', steps.sampleSearches, {
    comment: "Writes sampled searches and Chroma's answers to the store.",
    payload: '{% $states.input %}',
  });
  const verifyCollection = invokeStep<Batch<CollectionItem>>(
    scope,
    'VerifyCollection',
    steps.verifyCollection,
    {
      comment:
        'Counts, dimensions, checksums and searches. A mismatch fails the execution before publishing.',
      payload: '{% $states.input %}',
    },
  );
  return storeMap(scope, 'VerifyCollections', {
    comment: 'Compares every collection with what Chroma said.',
    store,
    itemsKey: '{% $plan.collectionsKey %}',
    maxConcurrency: '{% $plan.verifyConcurrency %}',
    child: sampleSearches.next(verifyCollection),
  });
}
