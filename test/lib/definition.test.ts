import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import languageService from 'amazon-states-language-service';
import jsonata from 'jsonata';
import { parseConfig } from '../../lib/config.ts';
import {
  LAMBDA_BUSY_ERRORS,
  LAMBDA_KILLED_ERRORS,
  LAMBDA_SERVICE_ERRORS,
  RDS_ERRORS,
} from '../../lib/states/retries.ts';
import * as errors from '../../src/errors.ts';
import { MigrationInput } from '../../src/migration-input.ts';
import { ALTERNATIVES, type Alternative, alternative } from './alternatives.ts';
import {
  type Definition,
  definitionOf,
  functionsOf,
  type Retry,
  type State,
  statesOf,
  successorsOf,
  synthesize,
} from './synthesize.ts';

// CommonJS whose default export TypeScript and Node see differently.
const validateAsl = createRequire(import.meta.url)('asl-validator') as (
  definition: unknown,
  options: { checkPaths: boolean; checkArn: boolean },
) => { isValid: boolean; errorsText(): string };

const { template } = synthesize();
const definition = definitionOf(template);
const states = statesOf(definition);
const stateOf = (name: string) => states.find((state) => state.name === name)!.json;
const ofType = (type: string) => states.filter(({ json }) => json.Type === type);
const distributedMaps = ofType('Map').filter(
  ({ json }) => json.ItemProcessor?.ProcessorConfig.Mode === 'DISTRIBUTED',
);

describe('the definition as a whole', () => {
  it('is what the snapshot shows (UPDATE_SNAPSHOTS=1 writes it anew)', () => {
    const path = fileURLToPath(new URL('definition.snap.json', import.meta.url));
    const readable = `${JSON.stringify(foldRetries(definition), null, 2)}\n`;
    if (process.env.UPDATE_SNAPSHOTS === '1') writeFileSync(path, readable);
    assert.equal(readable, readFileSync(path, 'utf8'));
  });

  it('passes asl-validator', () => {
    const result = validateAsl(definition, { checkPaths: true, checkArn: true });
    assert.ok(result.isValid, result.isValid ? '' : result.errorsText());
  });

  it('passes the language service of the Step Functions console', async () => {
    const document = languageService.TextDocument.create(
      'file:///definition.asl.json',
      'asl',
      1,
      JSON.stringify(definition),
    );
    const service = languageService.getLanguageService({});
    const found = await service.doValidation(document, service.parseJSONDocument(document));
    assert.deepEqual(
      found.map(({ message }) => message),
      [],
    );
  });

  it('publishes nothing that was not migrated, indexed and verified', () => {
    for (const before of ['FindUnfinishedShards', 'IndexCollections', 'VerifyCollections'])
      assert.ok(!reaches('Plan', 'Publish', before), `Publish can be reached past ${before}`);
    assert.ok(reaches('Plan', 'Publish'));
  });

  it('reports on every run that published, whether it is tuned or not', () => {
    for (const { name, json } of states.filter(({ within }) => within.length === 0))
      assert.ok(json.Type === 'Succeed' || reaches(name, 'WriteReport') || name === 'WriteReport', name);
    assert.ok(!reaches('Publish', 'Done', 'WriteReport'));
  });

  it('ends an execution that will never be done, and waits a week before', () => {
    assert.equal(definition.TimeoutSeconds, 7 * 24 * 3600);
  });

  it('stays far below the megabyte that a definition may have', () => {
    assert.ok(JSON.stringify(definition).length < 200_000);
  });
});

describe('maps', () => {
  it('always bound their concurrency, which without a bound is ten thousand', () => {
    assert.equal(ofType('Map').length, 7);
    for (const { name, json } of ofType('Map')) {
      if (!distributedMaps.some((map) => map.name === name)) assert.equal(json.MaxConcurrency, 1);
      else assert.match(String(json.MaxConcurrency), /^{% \$plan\.\w*[cC]oncurrency %}$/, name);
    }
  });

  it('read their items from the store and write their results there', () => {
    for (const { name, json } of distributedMaps) {
      assert.match(json.ItemReader.Arguments.Key, /^{% \$(plan|unfinished)\.\w+Key %}$/, name);
      assert.deepEqual(json.ResultWriter, {
        Resource: 'arn:aws:states:::s3:putObject',
        Arguments: { Bucket: 'Bucket', Prefix: `{% 'runs/' & $plan.run & '/results/${name}' %}` },
      });
    }
  });

  it('run children that may take longer than the five minutes of an Express execution', () => {
    assert.equal(distributedMaps.length, 4);
    for (const { name, json } of distributedMaps)
      assert.equal(json.ItemProcessor?.ProcessorConfig.ExecutionType, 'STANDARD', name);
  });

  it('are never retried as a whole, which would run every finished child again', () => {
    for (const { name, json } of ofType('Map')) assert.equal(json.Retry, undefined, name);
  });

  it('let a bad shard stop no other the first time, and fail uncaught the second, so that it can be redriven', () => {
    assert.equal(stateOf('MigrateShards').ToleratedFailurePercentage, 100);
    for (const name of ['MigrateUnfinishedShards', 'IndexCollections', 'VerifyCollections'])
      for (const field of ['Catch', 'ToleratedFailurePercentage', 'ToleratedFailureCount'])
        assert.equal(stateOf(name)[field], undefined, `${name} has ${field}`);
  });

  it('do not use variables of the parent in a child, which does not see them', () => {
    for (const { name, within, json } of states) {
      if (!within.some((map) => distributedMaps.some((distributed) => distributed.name === map))) continue;
      assert.doesNotMatch(JSON.stringify(json), /\$(plan|unfinished|recommendation)\b/, name);
    }
  });
});

describe('tasks', () => {
  it('retry on names that the code throws or the services are known to report, and on nothing else', () => {
    const thrown = new Set(
      Object.values(errors).flatMap((value) => (typeof value === 'function' ? [value.errorName] : [])),
    );
    const services = [
      ...LAMBDA_SERVICE_ERRORS,
      ...LAMBDA_BUSY_ERRORS,
      ...LAMBDA_KILLED_ERRORS,
      ...RDS_ERRORS,
    ];
    for (const { name, json } of ofType('Task'))
      for (const error of json.Retry!.flatMap((retry) => retry.ErrorEquals))
        assert.ok(thrown.has(error) || services.includes(error), `${name} retries on ${error}`);
  });

  it('retry on every error that passes by itself, once and no more than once', () => {
    const passing = [
      ...errors.TRANSIENT_ERRORS,
      ...errors.THROTTLING_ERRORS,
      'Lambda.TooManyRequestsException',
    ];
    for (const { name, json } of ofType('Task').filter(isLambda)) {
      const named: string[] = json.Retry!.flatMap((retry) => retry.ErrorEquals);
      assert.equal(new Set(named).size, named.length, `${name} names an error twice`);
      for (const error of passing) assert.ok(named.includes(error), `${name} does not retry on ${error}`);
    }
  });

  it('wait longer each time, up to a bound, and not all at once', () => {
    for (const { name, json } of ofType('Task'))
      for (const retry of json.Retry!) {
        assert.ok(retry.BackoffRate > 1 && retry.MaxDelaySeconds <= 300, name);
        assert.equal(retry.JitterStrategy, 'FULL', name);
      }
  });

  it('say within seconds that Chroma or the database is not there, when somebody is waiting for it', () => {
    for (const name of ['Plan', 'PrepareDatabase']) {
      const retry = stateOf(name).Retry!.find((one) => one.ErrorEquals.includes('SourceUnavailable'));
      assert.ok(longestWait(retry!) <= 10);
    }
  });

  it('outlive a failover of the database, which takes up to two minutes, even with half the jitter', () => {
    const retry = stateOf('ImportShard').Retry!.find((one) => one.ErrorEquals.includes('TargetUnavailable'));
    assert.ok(longestWait(retry!) / 2 >= 120);
  });

  it('give up on a call that never comes back, after the function would have', () => {
    const functions = functionsOf(template);
    for (const { name, json } of ofType('Task').filter(isLambda)) {
      const { Timeout } = functions.get(json.Arguments.FunctionName.replace('function:', ''))!;
      assert.ok(json.TimeoutSeconds > Timeout && json.TimeoutSeconds <= Timeout + 60, name);
    }
  });

  it('pass pointers into the store, never what they point to', () => {
    for (const { name, json } of ofType('Task').filter(isLambda)) {
      const { Payload } = json.Arguments;
      for (const value of typeof Payload === 'string' ? [Payload] : Object.values(Payload))
        assert.match(
          String(value),
          /^succeeded$|^{% (\$plan\.run|\$states\.input(\.\w+)?|\$states\.context\.Execution\.Name) %}$/,
          name,
        );
    }
  });
});

describe('tuning', () => {
  it('sets the import profile before the load and takes it back before the serving profile, under `apply` alone', async () => {
    for (const [state, applied] of [
      ['ImportProfileAsked', 'ChooseImportProfile'],
      ['TuneAsked', 'RestoreParameters'],
    ] as const) {
      const [choice] = stateOf(state).Choices!;
      assert.equal(choice!.Next, applied);
      for (const tune of ['apply', 'search', 'report', 'off'])
        assert.equal(await evaluate(choice!.Condition, { plan: { tune } }), tune === 'apply');
    }
    assert.ok(!reaches('ChooseImportProfile', 'MigrateShards', 'ApplyImportProfile'));
    assert.ok(!reaches('RestoreParameters', 'WriteReport', 'RecommendParameters'));
    assert.ok(!reaches('RecommendParameters', 'WriteReport', 'ApplyParameters'));
  });

  it('is not part of the definition where the instance is not the workflow’s to change', () => {
    for (const name of ['existing RDS', 'existing Aurora'] as const) {
      const theirs = statesOf(definitionOf(alternative(name).template));
      assert.deepEqual(
        theirs.filter(({ json }) => /aws-sdk:rds/.test(json.Resource)).map((state) => state.name),
        [],
      );
      assert.ok(theirs.some((state) => state.name === 'RecommendParameters'));
    }
  });

  it('changes the instance by the state machine alone, in the spelling of the AWS SDK for Java', () => {
    for (const call of ['SetImportProfile', 'TakeImportProfileBack', 'ModifyParameterGroup'])
      assert.deepEqual(stateOf(call).Arguments, {
        DbParameterGroupName: 'DBParameterGroup',
        Parameters: '{% $states.input %}',
      });
    assert.deepEqual(stateOf('RebootDatabase').Arguments, { DbInstanceIdentifier: 'DBInstance' });
  });

  it('keeps a single batch of a single setting two arrays deep', async () => {
    const setting = { ParameterName: 'work_mem', ParameterValue: '65536', ApplyMethod: 'immediate' };
    for (const batches of [[], [[setting]], [[setting, setting], [setting]]]) {
      const Payload = { run: 'r', batches, rebootNeeded: false };
      const recommendation = await evaluate(stateOf('RecommendParameters').Assign.recommendation!, {
        states: { result: { Payload } },
      });
      const items = await evaluate(stateOf('ApplyParameters').Items, { recommendation });
      assert.equal(JSON.stringify(items), JSON.stringify(batches));
    }
  });

  it('restarts the database only if it is needed and the execution allows it', async () => {
    const [choice] = stateOf('RebootAllowed').Choices!;
    for (const rebootNeeded of [true, false])
      for (const allowReboot of [true, false])
        assert.equal(
          await evaluate(choice!.Condition, { recommendation: { rebootNeeded }, plan: { allowReboot } }),
          rebootNeeded && allowReboot,
        );
  });
});

describe("an execution's input", () => {
  const inputOf = (name: Alternative, input: object) => {
    const { Payload } = definitionOf(alternative(name).template).States.Plan!.Arguments;
    return evaluate((Payload as Record<string, string>).input!, { states: { input } });
  };

  it('has the configuration’s defaults, and the last word', async () => {
    const defaults = parseConfig({});
    assert.deepEqual(await inputOf('default', { concurrency: 99, collections: ['docs'] }), {
      ...{
        layout: 'guide',
        onReject: defaults.onReject,
        allowReboot: false,
        tune: 'apply',
        shardBytes: 64 * 1024 ** 2,
      },
      ...{ concurrency: 99, collections: ['docs'] },
    });
  });

  it('is understood by the planner, whatever the configuration', async () => {
    for (const name of ALTERNATIVES) MigrationInput.parse(await inputOf(name, {}));
  });

  it('cannot have an instance tuned that is not the workflow’s to change', async () => {
    const { tune } = (await inputOf('existing RDS', { tune: 'apply' })) as MigrationInput;
    assert.equal(tune, 'search');
  });
});

function isLambda({ json }: State): boolean {
  return json.Resource === 'arn:aws:states:::lambda:invoke';
}

/** Whether a path leads from one top-level state to another, without passing a third. */
function reaches(from: string, to: string, without?: string): boolean {
  const seen = new Set<string>();
  const open = [from];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name) || name === without) continue;
    seen.add(name);
    open.push(...successorsOf(definition.States[name]!));
  }
  return seen.has(to);
}

/** Seconds from the first failure to the last attempt, if every wait is as long as it may be. */
function longestWait({ IntervalSeconds, BackoffRate, MaxAttempts, MaxDelaySeconds }: Retry): number {
  const waits = Array.from({ length: MaxAttempts }, (_, attempt) =>
    Math.min(IntervalSeconds * BackoffRate ** attempt, MaxDelaySeconds),
  );
  return waits.reduce((sum, wait) => sum + wait, 0);
}

function evaluate(expression: string, bindings: Record<string, unknown>): Promise<unknown> {
  return jsonata(expression.replace(/^{%|%}$/g, '')).evaluate(null, bindings);
}

/** A task has the same few retries as its neighbours: they stand once, above, and a state names its own. */
function foldRetries(whole: Definition): unknown {
  const retries: Record<string, unknown> = {};
  const names = new Map<string, string>();
  const fold = (key: string, value: unknown) => {
    if (key !== 'Retry') return value;
    const text = JSON.stringify(value);
    const name = names.get(text) ?? `retries ${names.size + 1}`;
    names.set(text, name);
    retries[name] = value;
    return name;
  };
  const folded = JSON.parse(JSON.stringify(whole, fold));
  return { retries, definition: folded };
}
