import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { Batch, ImportShardInput, RunPointer, ShardItem } from '../../src/contract.ts';
import { ShardNotExported } from '../../src/errors.ts';
import { invokeStep, RESULT } from './invoke-step.ts';
import type { Rooms } from './rooms.ts';
import { storeMap } from './store-map.ts';

/**
 * MigrateShards (tolerant) → FindUnfinishedShards → MigrateUnfinishedShards (strict) → FindUnfinishedShards.
 *
 * Two maps, since Step Functions redrives a Map Run only if its state has failed: one that tolerated its failures
 * is over. The first lets no bad shard stop the others; the second fails the execution with what is left, uncaught,
 * so that a redrive runs just those children again. The ledger says what is left, not the first map's result.
 *
 * Where live tables are brought up to date, the first map reads digests only; what differs from the tables then comes
 * as further shards, unfinished ones, through the second.
 *
 * The second is also the second try of a shard whose objects were not what its manifest says (ShardCorrupt): the
 * import took the manifest back, so the export, which does nothing where there is one, makes the shard anew. If that
 * happens in the second, a redrive begins at the import and finds no manifest (ShardNotExported), which leads back to
 * the export: an error of the one kind ends the child, so that a store that bends whatever it is given is not asked
 * for ever, and only of the other is it exported again.
 */
export function shardStates(scope: Construct, rooms: Rooms): sfn.Chain {
  const migrateShards = storeMap(scope, 'MigrateShards', {
    comment: 'Every shard from Chroma to the store to Postgres. A shard that fails stops no other.',
    store: rooms.store,
    itemsKey: '{% $plan.shardsKey %}',
    maxConcurrency: '{% $plan.concurrency %}',
    toleratesFailures: true,
    child: shardChild(scope, rooms, 'Shard'),
  });
  const findUnfinishedShards = invokeStep<RunPointer>(
    scope,
    'FindUnfinishedShards',
    rooms.steps.findUnfinishedShards,
    {
      comment:
        'Asks the ledger. Under the policy `fail` it ends the execution here if records were rejected.',
      payload: { run: '{% $plan.run %}' },
      assign: { unfinished: RESULT },
    },
  );
  const migrateUnfinishedShards = storeMap(scope, 'MigrateUnfinishedShards', {
    comment:
      'What is left, strictly: the first failure fails the execution, and a redrive goes on from here.',
    store: rooms.store,
    itemsKey: '{% $unfinished.unfinishedKey %}',
    maxConcurrency: '{% $plan.concurrency %}',
    child: shardChild(scope, rooms, 'UnfinishedShard'),
  });
  const allShardsFinished = sfn.Choice.jsonata(scope, 'AllShardsFinished', {
    comment:
      'The strict map either fails or finishes all, so this is passed twice at most, and once more if live tables are updated.',
  }).when(
    sfn.Condition.jsonata('{% $unfinished.unfinished > 0 %}'),
    migrateUnfinishedShards.next(findUnfinishedShards),
  );
  migrateShards.next(findUnfinishedShards).next(allShardsFinished);
  // What comes after the whole comes after the Choice alone, once the strict map is known to lead back.
  const { endStates } = allShardsFinished.afterwards({ includeOtherwise: true });
  return sfn.Chain.custom(migrateShards, endStates, allShardsFinished);
}

/** Export… → Import… of a batch: each retries by itself, so a failed import does not export again. */
function shardChild(scope: Construct, { steps }: Rooms, noun: string): sfn.Chain {
  const exportShard = invokeStep<Batch<ShardItem>>(scope, `Export${noun}`, steps.exportShard, {
    comment:
      'Reads each shard from Chroma and writes the bytes that COPY takes. Does nothing if that was done.',
    payload: '{% $states.input %}',
    assign: { batch: '{% $states.input %}' },
  });
  const importShard = invokeStep<Batch<ImportShardInput>>(scope, `Import${noun}`, steps.importShard, {
    comment: 'Copies each shard into Postgres and notes it in the ledger, in one transaction.',
    payload: '{% $states.input %}',
  });
  importShard.addCatch(exportShard, { errors: [ShardNotExported.errorName], outputs: '{% $batch %}' });
  return exportShard.next(importShard);
}
