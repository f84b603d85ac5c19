import type { Chain } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { PlanStepInput, RunPointer } from '../../src/contract.ts';
import type { MigrationRequest } from '../../src/migration-input.ts';
import type { MigrationConfig } from '../config.ts';
import { type Expression, invokeStep, RESULT } from './invoke-step.ts';
import { FIRST_CONTACT_RETRIES } from './retries.ts';
import type { Rooms } from './rooms.ts';

/** Plan → PrepareDatabase. Assigns `$plan` (PlanStepOutput), by which every later state points into the store. */
export function planStates(scope: Construct, { config, steps, database }: Rooms): Chain {
  const input = inputWithDefaults(executionDefaults(config), database.tunable !== null);
  const plan = invokeStep<PlanStepInput>(scope, 'Plan', steps.plan, {
    comment: 'Lists and profiles the collections, cuts them into shards and writes both lists to the store.',
    payload: { execution: '{% $states.context.Execution.Name %}', input },
    assign: { plan: RESULT },
    retries: FIRST_CONTACT_RETRIES,
  });
  const prepareDatabase = invokeStep<RunPointer>(scope, 'PrepareDatabase', steps.prepareDatabase, {
    comment: 'Makes the vector extension, the ledger and an incoming schema for each collection.',
    payload: { run: '{% $plan.run %}' },
    retries: FIRST_CONTACT_RETRIES,
  });
  return plan.next(prepareDatabase);
}

/**
 * What an execution's input says unless it says otherwise, in the words of MigrationInput. None without a Chroma
 * server: then the definition is for one machine, where the command line has defaults of its own.
 */
export function executionDefaults(config: MigrationConfig): MigrationRequest {
  if (!config.chromaUrlGiven) return {};
  const { chromaTenants: tenants, chromaDatabases: databases } = config;
  const { concurrency, layout, onReject, tune, allowReboot } = config;
  return {
    ...{ concurrency, layout, onReject, tune, allowReboot, shardBytes: config.shardMib * 1024 ** 2 },
    ...(tenants.length > 0 && { tenants: [...tenants] as [string, ...string[]] }),
    ...(databases.length > 0 && { databases: [...databases] as [string, ...string[]] }),
  };
}

/** The later of two says. An instance that is not the workflow's to change cannot be tuned, whoever asks for it. */
function inputWithDefaults(defaults: MigrationRequest, tunable: boolean): Expression {
  const parts = [JSON.stringify(defaults), '$states.input'];
  if (!tunable) parts.push("$states.input.tune = 'apply' ? {'tune': 'search'} : {}");
  return parts.length === 2 && parts[0] === '{}'
    ? '{% $states.input %}'
    : `{% $merge([${parts.join(', ')}]) %}`;
}
