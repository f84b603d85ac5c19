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
 * starts it and leaves, and another looks, less often the longer it takes. A round is 9 events (Wait 2, Check 5,
 * Choice 2), one of waiting for memory likewise, so the 25,000 of a child are 2,700 looks, which shall last for the
 * seven days of an execution whatever a child has to build (`pause`).
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

/** So many looks come as often as each advises; after them one in six minutes, of which a week has 1,680. */
const FREQUENT_LOOKS = 1000;
const SELDOM_SECONDS = 360;

const pause = (scope: Construct, name: string, next: sfn.IChainable) =>
  sfn.Wait.jsonata(scope, name, {
    comment: 'As long as the last look advised; longer once a child has taken very many looks.',
    time: sfn.WaitTime.seconds(
      `{% $states.input.looks > ${FREQUENT_LOOKS} ? ${SELDOM_SECONDS} : $states.input.waitSeconds %}`,
    ),
  }).next(next);
