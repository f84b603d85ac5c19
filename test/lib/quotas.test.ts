/** Service quotas at a plan of a hundred million records, on the definition itself. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import jsonata from 'jsonata';
import type { PlanStepOutput, ShardItem } from '../../src/contract.ts';
import { waitSeconds } from '../../src/index-build/wait.ts';
import { MigrationInput } from '../../src/migration-input.ts';
import { cutShards } from '../../src/plan/cut-shards.ts';
import { samplePlan } from '../tune/sample-plan.ts';
import { ALTERNATIVES, alternative } from './alternatives.ts';
import { definitionOf, type State, type StateJson, statesOf } from './synthesize.ts';

/** Quotas of Step Functions (developer guide, "Service quotas"); none of these can be raised. */
const MOST_EVENTS = 25_000;
const MOST_PAYLOAD_BYTES = 256 * 1024;
const MOST_CHILDREN_AT_A_TIME = 10_000;
const MOST_DEFINITION_BYTES = 1024 * 1024;

const RECORDS = 100_000_000;
/** The most that pgvector's column holds: the most shards that as many records can make. */
const DIMENSIONS = 16_000;
/** Batches of 20 that all of a server's some 400 parameters make. */
const BATCHES = 20;

const definition = definitionOf(alternative('default').template);
const states = statesOf(definition);
const within = (map: string) => states.filter(({ within }) => within.at(-1) === map);
const isDistributed = ({ json }: State) => json.ItemProcessor?.ProcessorConfig.Mode === 'DISTRIBUTED';

/**
 * Events of one visit at most: entered and exited, and for a Task each attempt's scheduled, started and ended. An
 * inline Map's iterations are in its parent's history; a distributed one's are not, but for its Map Run's start and end.
 */
function eventsOf(state: State): number {
  const { json, name } = state;
  if (json.Type === 'Task') return 2 + 3 * (1 + attempts(json));
  if (json.Type !== 'Map') return 2;
  if (isDistributed(state)) return 6;
  return 4 + BATCHES * (2 + within(name).reduce((sum, inner) => sum + eventsOf(inner), 0));
}

const attempts = ({ Retry = [] }: StateJson): number => Retry.reduce((sum, one) => sum + one.MaxAttempts, 0);

describe('at a hundred million records', () => {
  it('the history of an execution stays below 25,000 events, with every retry of every state used up', () => {
    const topLevel = states.filter((state) => state.within.length === 0);
    // The ledger is asked twice at most; counting every state twice is more than that.
    const events = 2 * topLevel.reduce((sum, state) => sum + eventsOf(state), 0);
    assert.ok(events < MOST_EVENTS / 4, `${events}`);
  });

  it('so does the history of each child', () => {
    for (const map of ['MigrateShards', 'MigrateUnfinishedShards', 'VerifyCollections']) {
      const events = within(map).reduce((sum, state) => sum + eventsOf(state), 0);
      // A shard whose manifest goes missing is exported again: there is room for fifty such rounds.
      assert.ok(events < MOST_EVENTS / 50, `${map}: ${events}`);
    }
  });

  it('a child may look at its builds, or wait for its turn, for as long as the execution may last', async () => {
    // One build of a week, one an hour, and one that never gets its memory.
    const told = {
      WaitForBuild: [
        (passed: number) => ({ percent: 50, seconds: passed }),
        (passed: number) => ({ percent: null, seconds: passed % 3600 }),
      ],
      WaitForMemory: [() => null],
    };
    for (const [wait, ways] of Object.entries(told))
      for (const [way, build] of ways.entries()) {
        const expression = states.find(({ name }) => name === wait)!.json.Seconds as string;
        const compiled = jsonata(expression.replace(/^{%|%}$/g, ''));
        let looks = 0;
        for (let passed = 0; passed < definition.TimeoutSeconds!; looks++)
          passed += await compiled.evaluate(null, {
            states: { input: { looks: looks + 1, waitSeconds: waitSeconds(looks, build(passed)) } },
          });
        // Wait 2, the function's call 5, IndexState 2; a hundred retries besides.
        assert.ok(9 * looks + 300 < MOST_EVENTS, `${wait} ${way}: ${looks} looks`);
      }
  });

  it('no input of a child outgrows 256 KiB, however long the names that Chroma allows', () => {
    const item: ShardItem = {
      run: 'r'.repeat(63),
      tenant: '𝄞'.repeat(512),
      database: '𝄞'.repeat(512),
      collection: 'c'.repeat(512),
      collectionId: '6a3f4c52-2e0b-4dd7-9a55-0d4f5f0f6a11',
      schema: 's'.repeat(63),
      dimension: DIMENSIONS,
      number: RECORDS,
      offset: RECORDS,
      records: RECORDS,
      content: 'digests',
      idsHash: 'f'.repeat(64),
      byIds: false,
      format: 'pgcopy',
      layout: 'guide',
      pageSize: 1000,
    };
    assert.ok(Buffer.byteLength(JSON.stringify(item)) < MOST_PAYLOAD_BYTES / 10);
  });

  it('what passes between states does not grow with the records: lists are in the store, results too', () => {
    const maps = states.filter(isDistributed);
    assert.equal(maps.length, 4);
    for (const { name, json } of maps) {
      assert.ok(json.ItemReader && json.ResultWriter, name);
      assert.equal(json.Items, undefined, name);
    }
  });

  it('what is known of the plan by every state is a pointer, whatever the number of its shards', () => {
    const { profile } = samplePlan('x').collections[0]!;
    const shards = cutShards(RECORDS, 1536, profile, MigrationInput.parse({}).shardBytes).length;
    assert.ok(shards > MOST_CHILDREN_AT_A_TIME, `${shards}: more than may run at a time`);
    const run = 'r'.repeat(63);
    const plan: PlanStepOutput = {
      ...{ run, planKey: run, shardsKey: run, collectionsKey: run, collections: RECORDS, shards },
      ...{ records: RECORDS, concurrency: 1000, indexConcurrency: 4, verifyConcurrency: 8 },
      ...{ tune: 'apply', allowReboot: true },
    };
    assert.ok(Buffer.byteLength(JSON.stringify(plan)) < MOST_PAYLOAD_BYTES / 100);
  });

  it('no map has more children at a time than may be open, whatever an input asks for', () => {
    assert.throws(() => MigrationInput.parse({ concurrency: MOST_CHILDREN_AT_A_TIME }));
    const { concurrency } = MigrationInput.parse({ concurrency: 1000 });
    // A child starts none of its own, so a map's concurrency is all that is open.
    for (const map of states.filter(isDistributed))
      assert.ok(!within(map.name).some(isDistributed), map.name);
    assert.ok(concurrency <= MOST_CHILDREN_AT_A_TIME / 10);
  });

  it('the definition stays below a megabyte', () => {
    assert.ok(JSON.stringify(definition).length < MOST_DEFINITION_BYTES / 10);
  });
});

describe('the template', () => {
  /** Quotas of CloudFormation (user guide, "Understand CloudFormation quotas"). */
  const MOST = { resources: 500, outputs: 200, parameters: 200, bytes: 1024 * 1024 };

  for (const name of ALTERNATIVES)
    it(`leaves half of each quota of CloudFormation for an app that it is part of: ${name}`, () => {
      const template = alternative(name).template.toJSON();
      const count = (section: string) => Object.keys(template[section] ?? {}).length;
      assert.ok(count('Resources') < MOST.resources / 2, `${count('Resources')} resources`);
      assert.ok(count('Outputs') < MOST.outputs / 2);
      assert.ok(count('Parameters') < MOST.parameters / 2);
      assert.ok(Buffer.byteLength(JSON.stringify(template)) < MOST.bytes / 2);
    });
});
