/** The state machine that AWS is given, run with functions that only say what the real ones would. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { aboutOf } from '../../lambdas/step.ts';
import { STEP_NAMES } from '../../lib/step-names.ts';
import { rdsResources } from '../../local/rds-adapter.ts';
import { StateFailure } from '../../local/state-machine/errors.ts';
import type { Json } from '../../local/state-machine/json.ts';
import { LAMBDA_INVOKE, LambdaInvoke } from '../../local/state-machine/lambda-invoke.ts';
import { StateMachine } from '../../local/state-machine/state-machine.ts';
import type { PlanStepOutput } from '../../src/contract.ts';
import { definitionOf, synthesize } from '../lib/synthesize.ts';
import { testStore } from './run-definition.ts';
import { TestClock } from './test-clock.ts';

const definition = definitionOf(synthesize().template) as unknown as Json;
const SHARDS = 5;
const ITEM = { run: 'r', schema: 'docs', collection: 'Docs' };

// biome-ignore lint/suspicious/noExplicitAny: each test knows what its step is given.
type Event = Record<string, any>;

interface Call {
  step: string;
  event: Event;
}

/** What each step answers; anything else answers its event. */
type Answers = Record<string, (event: Event) => unknown>;

async function migrate(context: TestContext, answers: Answers, plan: Partial<PlanStepOutput> = {}) {
  const store = await testStore(context);
  const shards = Array.from({ length: SHARDS }, (_, number) => ({ items: [{ ...ITEM, number }] }));
  await store.writeText('shards.json', JSON.stringify(shards));
  await store.writeText('unfinished.json', JSON.stringify(shards.slice(3)));
  await store.writeText('collections.json', JSON.stringify([{ items: [ITEM] }]));
  const calls: Call[] = [];
  const all: Answers = {
    plan: () => ({
      ...{ run: 'r', shardsKey: 'shards.json', collectionsKey: 'collections.json' },
      ...{ concurrency: 2, indexConcurrency: 1, verifyConcurrency: 1, tune: 'off', allowReboot: false },
      ...plan,
    }),
    'choose-import-profile': () => ({ run: 'r', batches: [], restore: [] }),
    'export-shard': exported,
    'find-unfinished-shards': () => ({ unfinished: 0, unfinishedKey: 'unfinished.json' }),
    'start-index-build': (event) => ({ ...event, state: 'valid', waitSeconds: 0 }),
    'write-report': () => ({ htmlKey: 'runs/r/report.html' }),
    ...answers,
  };
  const functions = STEP_NAMES.map((step) => `function:${step}`);
  const invoke = new LambdaInvoke(functions, async (name, event) => {
    const step = name.slice('function:'.length);
    calls.push({ step, event: event as Event });
    return (all[step]?.(event as Event) ?? event) as Json;
  });
  const rds = rdsResources({
    call: async (action, args) => {
      calls.push({ step: action, event: args as Event });
      return {};
    },
  });
  const machine = new StateMachine(definition, {
    resources: new Map([[LAMBDA_INVOKE, invoke], ...rds]),
    buckets: new Map([['Bucket', store]]),
  });
  const states: string[] = [];
  const { ended } = machine.start({
    name: 'execution-1',
    input: { collections: ['docs'] },
    clock: new WaitFreeClock(),
    emit: (event) => event.type === 'state-entered' && states.push(event.state),
    signal: new AbortController().signal,
  });
  return { end: await ended, calls, states };
}

const exported = ({ items }: Event) => ({
  items: items.map((item: object) => ({ ...item, manifestKey: 'm' })),
});

/** No wait lasts: the store's files are real, and a clock that jumps would jump over reading them. */
class WaitFreeClock extends TestClock {
  override async sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    // Time-outs do not pass; retries and waits pass at once.
    if (milliseconds < 60_000) return;
    await new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }
}

describe('The synthesized state machine', () => {
  it('runs every step in its order, each with what its contract says', async (context) => {
    const { end, calls } = await migrate(context, {});
    assert.deepEqual(end, { status: 'SUCCEEDED', output: { run: 'r', report: 'runs/r/report.html' } });
    const order = [...new Set(calls.map(({ step }) => step))];
    assert.deepEqual(order, [
      'plan',
      'prepare-database',
      'export-shard',
      'import-shard',
      'find-unfinished-shards',
      'start-index-build',
      'sample-searches',
      'verify-collection',
      'publish',
      'write-report',
    ]);
    assert.deepEqual(calls[0]?.event, { execution: 'execution-1', input: { collections: ['docs'] } });
    const imports = calls.filter(({ step }) => step === 'import-shard').map(({ event }) => event);
    assert.equal(imports.length, SHARDS);
    for (const { items } of imports)
      assert.deepEqual(Object.keys(items[0]), ['run', 'schema', 'collection', 'number', 'manifestKey']);
  });

  it('tells every step of which run, collection and shard it works, for its log and its trace', async (context) => {
    const { calls } = await migrate(context, {});
    for (const step of ['export-shard', 'import-shard'])
      assert.deepEqual(
        calls.filter((call) => call.step === step).map(({ event }) => aboutOf(event.items[0]).shard),
        Array.from({ length: SHARDS }, (_, number) => number),
      );
    const wholeRun = ['plan', 'prepare-database', 'find-unfinished-shards', 'publish', 'write-report'];
    for (const { step, event } of calls) {
      // Of a batch each item is a step of its own.
      const { shard, ...about } = aboutOf(event.items?.[0] ?? event);
      assert.deepEqual(
        about,
        step === 'plan' ? { run: 'execution-1' } : wholeRun.includes(step) ? { run: 'r' } : ITEM,
      );
    }
  });

  it('goes on with the other shards when one fails, then tries what is left once more', async (context) => {
    let asked = 0;
    const { end, calls, states } = await migrate(context, {
      'export-shard': (event) => {
        if (asked === 0 && event.items[0].number >= 3) throw new StateFailure('SourceChanged', 'moved');
        return exported(event);
      },
      'find-unfinished-shards': () => ({
        unfinished: asked++ === 0 ? 2 : 0,
        unfinishedKey: 'unfinished.json',
      }),
    });
    assert.equal(end.status, 'SUCCEEDED');
    assert.equal(calls.filter(({ step }) => step === 'import-shard').length, SHARDS);
    assert.equal(states.filter((state) => state === 'ExportUnfinishedShard').length, 2);
  });

  it('fails uncaught in the strict map, and publishes nothing, when a shard fails again', async (context) => {
    const { end, calls } = await migrate(context, {
      'export-shard': () => {
        throw new StateFailure('SourceChanged', 'moved');
      },
      'find-unfinished-shards': () => ({ unfinished: 2, unfinishedKey: 'unfinished.json' }),
    });
    assert.ok(end.status === 'FAILED');
    assert.equal(end.failure.error, 'States.ExceedToleratedFailureThreshold');
    assert.deepEqual(
      [end.failure.state, end.failure.root?.error, end.failure.root?.state],
      ['MigrateUnfinishedShards', 'SourceChanged', 'ExportUnfinishedShard'],
    );
    assert.ok(!calls.some(({ step }) => step === 'publish'));
  });

  it('retries a shard’s step by itself when it was killed, and not what cannot pass', async (context) => {
    let kills = 0;
    const killed = await migrate(context, {
      'import-shard': (event) => {
        if (event.items[0].number === 2 && kills++ < 2) throw new StateFailure('Runtime.ExitError', 'killed');
        return event;
      },
    });
    assert.equal(killed.end.status, 'SUCCEEDED');
    const count = (step: string) => killed.calls.filter((call) => call.step === step).length;
    assert.deepEqual([count('export-shard'), count('import-shard')], [SHARDS, SHARDS + 2]);
    let tries = 0;
    const failed = await migrate(context, {
      'verify-collection': () => {
        tries++;
        throw new StateFailure('VerificationFailed', 'differs');
      },
    });
    assert.equal(failed.end.status, 'FAILED');
    assert.equal(tries, 1);
  });

  it('looks at an index build until it is valid', async (context) => {
    const { calls } = await migrate(context, {
      'start-index-build': (event) => ({ ...event, state: 'building', waitSeconds: 2, looks: 0 }),
      'check-index-build': ({ looks, ...event }) => ({
        ...event,
        state: looks < 3 ? 'building' : 'valid',
        waitSeconds: 2,
        looks: looks + 1,
      }),
    });
    assert.equal(calls.filter(({ step }) => step === 'check-index-build').length, 4);
  });

  it('applies parameters batch by batch and reboots only if both sides say so', async (context) => {
    const batches = [[{ ParameterName: 'work_mem' }], [{ ParameterName: 'max_wal_size' }]];
    const tune = async (rebootNeeded: boolean, allowReboot: boolean) => {
      const answers = { 'recommend-parameters': () => ({ run: 'r', batches, rebootNeeded }) };
      const { calls } = await migrate(context, answers, { tune: 'apply', allowReboot });
      return calls
        .map(({ step }) => step)
        .filter((step) => step.endsWith('Group') || step.startsWith('reboot'));
    };
    const modified = ['modifyDBParameterGroup', 'modifyDBParameterGroup'];
    assert.deepEqual(await tune(true, false), modified);
    assert.deepEqual(await tune(false, true), modified);
    assert.deepEqual(await tune(true, true), [...modified, 'rebootDBInstance']);
  });
});
