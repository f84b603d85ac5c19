import { Duration } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsService } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import type { RunPointer } from '../../src/contract.ts';
import type { TunableInstance } from '../target-database.ts';
import { type Expression, invokeStep, RESULT } from './invoke-step.ts';
import { RDS_RETRIES } from './retries.ts';
import type { Rooms } from './rooms.ts';

/**
 * ImportProfileAsked → ChooseImportProfile → ApplyImportProfile: fewer checkpoints while the run loads and indexes.
 * Only under the policy `apply`, and only of an instance that the workflow may change. What `$importProfile.restore`
 * holds, tuningStates sets again; after a failure, ImportProfileRestoration does. All paths end in `next`.
 */
export function importProfileStates(
  scope: Construct,
  { steps, database }: Rooms,
  next: sfn.IChainable,
): sfn.IChainable {
  const { tunable } = database;
  if (!tunable) return next;
  const choose = invokeStep<RunPointer>(scope, 'ChooseImportProfile', steps.chooseImportProfile, {
    comment: 'Computes the settings for loading and indexing, and records the old ones.',
    payload: { run: '{% $plan.run %}' },
    assign: { importProfile: RESULT },
  });
  const apply = modifyMap(scope, tunable, {
    name: 'ApplyImportProfile',
    call: 'SetImportProfile',
    batches: '{% $importProfile.batches %}',
  });
  return sfn.Choice.jsonata(scope, 'ImportProfileAsked', {
    comment: 'A server that may serve others is not retuned unless the policy is to apply.',
  })
    .when(APPLIES, choose.next(apply).next(next))
    .otherwise(next);
}

/**
 * TuneAsked → RestoreParameters → RecommendParameters → ApplyParameters → RebootAllowed → RebootDatabase. The
 * functions compute, the state machine applies: so no step needs the right to change the instance, nor a way to RDS's
 * API. `$recommendation.batches` is empty unless the policy is `apply`. All paths end in `next`.
 */
export function tuningStates(scope: Construct, rooms: Rooms, next: sfn.IChainable): sfn.IChainable {
  const { tunable } = rooms.database;
  const recommend = invokeStep<RunPointer>(scope, 'RecommendParameters', rooms.steps.recommendParameters, {
    comment: 'Computes the settings from the instance and the data, and records the old ones.',
    payload: { run: '{% $plan.run %}' },
    assign: { recommendation: RESULT },
  });
  const asked = sfn.Choice.jsonata(scope, 'TuneAsked', { comment: 'Skips the tuning if it is off.' });
  const notOff = sfn.Condition.jsonata("{% $plan.tune != 'off' %}");
  // Of a database whose instance is not the workflow's to change, the function sets the search settings by itself.
  if (!tunable) return asked.when(notOff, recommend.next(next)).otherwise(next);

  const restore = modifyMap(scope, tunable, {
    name: 'RestoreParameters',
    call: 'TakeImportProfileBack',
    batches: '{% $importProfile.restore %}',
  });
  const apply = modifyMap(scope, tunable, {
    name: 'ApplyParameters',
    call: 'ModifyParameterGroup',
    batches: '{% $recommendation.batches %}',
  });
  const rebootAllowed = sfn.Choice.jsonata(scope, 'RebootAllowed', {
    comment: "A restart breaks the readers' connections, so it takes the execution's word.",
  })
    .when(
      sfn.Condition.jsonata('{% $recommendation.rebootNeeded and $plan.allowReboot %}'),
      rebootDatabase(scope, tunable).next(next),
    )
    .otherwise(next);
  restore.next(recommend.next(apply).next(rebootAllowed));
  return asked.when(APPLIES, restore).when(notOff, recommend).otherwise(next);
}

const APPLIES = sfn.Condition.jsonata("{% $plan.tune = 'apply' %}");

interface ModifyMapProps {
  readonly name: string;
  /** Name of the state that makes the call. */
  readonly call: string;
  readonly batches: Expression;
}

/** Inline: a server has some 400 parameters, so there are a few batches at most, of about 2 kB each. */
function modifyMap(
  scope: Construct,
  tunable: TunableInstance,
  { name, call, batches }: ModifyMapProps,
): sfn.Map {
  const modify = rdsTask(scope, call, {
    comment: 'At most 20 settings, the limit of one call.',
    action: 'modifyDBParameterGroup',
    iamAction: 'rds:ModifyDBParameterGroup',
    iamResource: tunable.parameterGroupArn,
    parameters: {
      DbParameterGroupName: tunable.parameterGroupName,
      Parameters: '{% $states.input %}',
    },
  });
  return sfn.Map.jsonata(scope, name, {
    comment: 'One batch after the other: RDS refuses two changes of a parameter group at a time.',
    items: sfn.ProvideItems.jsonata(batches),
    maxConcurrency: 1,
  }).itemProcessor(modify);
}

const rebootDatabase = (scope: Construct, tunable: TunableInstance) =>
  rdsTask(scope, 'RebootDatabase', {
    comment: 'Puts the static parameters into force.',
    action: 'rebootDBInstance',
    iamAction: 'rds:RebootDBInstance',
    iamResource: tunable.instanceArn,
    parameters: { DbInstanceIdentifier: tunable.instanceIdentifier },
  });

interface RdsTaskProps {
  readonly comment: string;
  readonly action: string;
  readonly iamAction: string;
  readonly iamResource: string;
  /** Names as Step Functions has them, which are the AWS SDK for Java's: `Db…`, not the API's `DB…`. */
  readonly parameters: Record<string, string>;
}

function rdsTask(scope: Construct, name: string, props: RdsTaskProps): CallAwsService {
  const { iamResource, ...rest } = props;
  const state = CallAwsService.jsonata(scope, name, {
    ...rest,
    service: 'rds',
    iamResources: [iamResource],
    // RDS answers with all of the instance's properties, which nobody reads.
    outputs: {},
    taskTimeout: sfn.Timeout.duration(Duration.minutes(1)),
  });
  for (const retry of RDS_RETRIES) state.addRetry(retry);
  return state;
}
