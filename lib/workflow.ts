import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { indexStates } from './states/indexes.ts';
import { planStates } from './states/plan.ts';
import { publicationState } from './states/publication.ts';
import { reportStates } from './states/report.ts';
import type { Rooms } from './states/rooms.ts';
import { shardStates } from './states/shards.ts';
import { importProfileStates, tuningStates } from './states/tuning.ts';
import { verificationStates } from './states/verification.ts';

/** The state machine: the order of the states, whose details stand in states/. */
export class Workflow extends Construct {
  readonly stateMachine: sfn.StateMachine;

  constructor(scope: Construct, id: string, props: Rooms) {
    super(scope, id);
    const report = reportStates(this, props);
    const shards = shardStates(this, props);
    const plan = planStates(this, props).next(importProfileStates(this, props, shards));
    // What comes after the shards comes after them alone, whichever way led there.
    const definition = sfn.Chain.custom(plan.startState, shards.endStates, shards)
      .next(indexStates(this, props))
      .next(verificationStates(this, props))
      .next(publicationState(this, props))
      .next(tuningStates(this, props, report));

    this.stateMachine = new sfn.StateMachine(this, 'StateMachine', {
      comment: 'Moves collections from Chroma into PostgreSQL with pgvector, and proves that they arrived.',
      definitionBody: sfn.DefinitionBody.fromChainable(definition),
      queryLanguage: sfn.QueryLanguage.JSONATA,
      stateMachineType: sfn.StateMachineType.STANDARD,
      // A hundred million records take hours, their indexes a day or two; an execution that is not done in a week
      // never will be, and would wait and be billed for a year. It can be redriven for 14 days after its end.
      timeout: Duration.days(7),
      tracingEnabled: true,
      logs: {
        // Names below /aws/vendedlogs/ keep the log's resource policy from outgrowing its 5,120 characters.
        destination: new logs.LogGroup(this, 'Logs', {
          retention: props.config.logRetentionDays,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
        level: sfn.LogLevel.ALL,
        // Payloads are pointers into the store; no secret and no record passes through the state machine.
        includeExecutionData: true,
      },
    });
    props.store.grantMaps(this.stateMachine);
  }
}
