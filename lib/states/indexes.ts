import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { IndexBatchInput } from '../../src/contract.ts';
import { invokeStep, type Payload } from './invoke-step.ts';
import type { Rooms } from './rooms.ts';
import { storeMap } from './store-map.ts';

/** IndexCollections: a child a batch, since an inline map would overrun 25,000 events at a thousand. */
export function indexStates(scope: Construct, rooms: Rooms): sfn.DistributedMap {
  return storeMap(scope, 'IndexCollections', {
    comment: 'Builds the keys and indexes of every collection and waits until all are valid.',
    store: rooms.store,
    itemsKey: '{% $plan.collectionsKey %}',
    maxConcurrency: '{% $plan.indexConcurrency %}',
    itemSelector: {
      items: '{% $states.context.Map.Item.Value.items %}',
      looks: 0,
    },
    child: indexChild(scope, rooms),
  });
}

/**
 * A build may outlast Lambda's 15 minutes, and Postgres goes on with it when the client is gone: so a function
 * starts it and leaves, and another looks, less often each time. A round is 9 events (Wait 2, Check 5, Choice 2),
 * one of waiting for memory likewise, so the 25,000 of a child are 2,700 looks: at a minute each they would not last
 * two days, and an execution has seven (`pause`).
 */
function indexChild(scope: Construct, { steps }: Rooms): sfn.IChainable {
  const build: Payload<IndexBatchInput> = {
    items: '{% $states.input.items %}',
    looks: '{% $states.input.looks %}',
  };
  const start = invokeStep<IndexBatchInput>(scope, 'StartIndexBuild', steps.startIndexBuild, {
    comment: 'Starts the next build that is wanting and leaves without waiting for it.',
    payload: build,
  });
  const check = invokeStep<IndexBatchInput>(scope, 'CheckIndexBuild', steps.checkIndexBuild, {
    comment: 'Asks Postgres how far the build is, and whether the index is valid.',
    payload: build,
  });
  const indexState = sfn.Choice.jsonata(scope, 'IndexState', {
    comment:
      'valid: done. building: look again later. waiting: another build has the memory. stopped: start again.',
  })
    .when(sfn.Condition.jsonata("{% $states.input.state = 'valid' %}"), indexed(scope))
    .when(
      sfn.Condition.jsonata("{% $states.input.state = 'building' %}"),
      pause(scope, 'WaitForBuild', check),
    )
    .when(
      sfn.Condition.jsonata("{% $states.input.state = 'waiting' %}"),
      pause(scope, 'WaitForMemory', start),
    )
    .otherwise(start);
  check.next(indexState);
  return start.next(indexState);
}

const indexed = (scope: Construct) =>
  sfn.Succeed.jsonata(scope, 'Indexed', { comment: 'All indexes of the batch are valid.' });

/** Looks as often as they advise, five hours at a minute each; then one in five minutes, 2,260 in a week. */
const FREQUENT_LOOKS = 300;
const SELDOM_SECONDS = 300;

const pause = (scope: Construct, name: string, next: sfn.IChainable) =>
  sfn.Wait.jsonata(scope, name, {
    comment: 'As long as the last look advised; longer once the build has taken hours.',
    time: sfn.WaitTime.seconds(
      `{% $states.input.looks > ${FREQUENT_LOOKS} ? ${SELDOM_SECONDS} : $states.input.waitSeconds %}`,
    ),
  }).next(next);
