import { Duration } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsService } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import type { RunPointer } from '../../src/contract.ts';
import type { TunableInstance } from '../target-database.ts';
import { invokeStep, RESULT } from './invoke-step.ts';
import { RDS_RETRIES } from './retries.ts';
import type { Rooms } from './rooms.ts';

/**
 * TuneAsked → RecommendParameters → ApplyParameters → RebootAllowed → RebootDatabase. The function computes, the
 * state machine applies: so no function needs the right to change the instance, nor a way to RDS's API.
 * `$recommendation.batches` is empty unless the policy is `apply`. All paths end in `next`.
 */
export function tuningStates(scope: Construct, rooms: Rooms, next: sfn.IChainable): sfn.IChainable {
  const { tunable } = rooms.database;
  const recommend = invokeStep<RunPointer>(scope, 'RecommendParameters', rooms.steps.recommendParameters, {
    comment: 'Computes the settings from the instance and the data, and records the old ones.',
    payload: { run: '{% $plan.run %}' },
    assign: { recommendation: RESULT },
  });
  const asked = sfn.Choice.jsonata(scope, 'TuneAsked', {
    comment: 'Skips the tuning if it is off.',
  }).otherwise(next);
  const tuneAsked = sfn.Condition.jsonata("{% $plan.tune != 'off' %}");
  // Of a database whose instance is not the workflow's to change, the function sets the search settings by itself.
  if (!tunable) return asked.when(tuneAsked, recommend.next(next));
  const rebootAllowed = sfn.Choice.jsonata(scope, 'RebootAllowed', {
    comment: "A restart breaks the readers' connections, so it takes the execution's word.",
  })
    .when(
      sfn.Condition.jsonata('{% $recommendation.rebootNeeded and $plan.allowReboot %}'),
      rebootDatabase(scope, tunable).next(next),
    )
    .otherwise(next);
  return asked.when(tuneAsked, recommend.next(applyParameters(scope, tunable)).next(rebootAllowed));
}

/** Inline: a server has some 400 parameters, so there are a few batches at most, of about 2 kB each. */
function applyParameters(scope: Construct, tunable: TunableInstance): sfn.Map {
  const modify = rdsTask(scope, 'ModifyParameterGroup', {
    comment: 'At most 20 settings, the limit of one call.',
    action: 'modifyDBParameterGroup',
    iamAction: 'rds:ModifyDBParameterGroup',
    iamResource: tunable.parameterGroupArn,
    parameters: {
      DbParameterGroupName: tunable.parameterGroupName,
      Parameters: '{% $states.input %}',
    },
  });
  return sfn.Map.jsonata(scope, 'ApplyParameters', {
    comment: 'One batch after the other: RDS refuses two changes of a parameter group at a time.',
    items: sfn.ProvideItems.jsonata('{% $recommendation.batches %}'),
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
