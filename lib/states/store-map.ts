import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { ShardStore } from '../shard-store.ts';
import type { Expression } from './invoke-step.ts';

export interface StoreMapProps {
  readonly comment: string;
  readonly store: ShardStore;
  /** Key of a JSON array of batches in the store; each is the input of a child execution. */
  readonly itemsKey: Expression;
  readonly maxConcurrency: Expression;
  /** Input of a child, if it is not the element alone. */
  readonly itemSelector?: Record<string, Expression | number>;
  /** Whether the others go on when children fail; by default the first failure stops and fails the map. */
  readonly toleratesFailures?: boolean;
  readonly child: sfn.IChainable;
}

/**
 * A Distributed Map over a list in the store, one STANDARD execution a batch, since an Express one ends after
 * five minutes and a shard may take fifteen. Results go to the store: those of ten thousand children do not fit
 * the 256 KiB of a state's output.
 *
 * The plan cuts the batches, not an ItemBatcher: that one would put as many large shards into a child as small ones.
 */
export function storeMap(scope: Construct, name: string, props: StoreMapProps): sfn.DistributedMap {
  const { bucket } = props.store;
  const map = sfn.DistributedMap.jsonata(scope, name, {
    comment: props.comment,
    label: name,
    mapExecutionType: sfn.StateMachineType.STANDARD,
    itemReader: new sfn.S3JsonItemReader({ bucket, key: props.itemsKey }),
    ...(props.itemSelector && { itemSelector: props.itemSelector }),
    jsonataMaxConcurrency: props.maxConcurrency,
    ...(props.toleratesFailures && { toleratedFailurePercentage: 100 }),
    resultWriterV2: new sfn.ResultWriterV2({
      bucket,
      prefix: `{% 'runs/' & $plan.run & '/results/${name}' %}`,
    }),
  });
  return map.itemProcessor(props.child);
}
