/** The quotas of Step Functions, at the very byte and event. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../local/state-machine/json.ts';
import { failing, failureOf, only, outputOf, runDefinition, task } from './run-definition.ts';
import { TestClock } from './test-clock.ts';

/** A string whose JSON has that many bytes of UTF-8. */
const text = (bytes: number) => 'x'.repeat(bytes - 2);
const LIMIT = 262_144;
const LARGE = "{% $pad('', 300000, 'x') %}";

describe('A payload', () => {
  it('of 262,144 bytes passes, and one more is States.DataLimitExceeded', async () => {
    const pass = only({ Type: 'Pass', End: true });
    assert.equal(((await outputOf(pass, { input: text(LIMIT) })) as string).length, LIMIT - 2);
    assert.equal((await failureOf(pass, { input: text(LIMIT + 1) })).error, 'States.DataLimitExceeded');
  });

  it('is counted in bytes of UTF-8, not in characters', async () => {
    const pass = only({ Type: 'Pass', End: true });
    const failure = await failureOf(pass, { input: '語'.repeat(100_000) });
    assert.equal(failure.error, 'States.DataLimitExceeded');
  });

  for (const [what, state] of [
    ['a task’s result, even if Output takes little of it', task('work', { End: true, Output: 1 })],
    ['a task’s arguments', task('echo', { End: true, Arguments: { FunctionName: 'echo', Payload: LARGE } })],
    ['an output', { Type: 'Pass', End: true, Output: LARGE }],
    ['what Assign stores', { Type: 'Pass', End: true, Assign: { a: LARGE }, Output: 1 }],
    [
      'the results of an inline Map',
      {
        Type: 'Map',
        End: true,
        Items: [1, 2],
        ItemProcessor: { StartAt: 'Half', States: { Half: task('half') } },
      },
    ],
  ] as [string, JsonObject][])
    it(`over the limit is refused as ${what}`, async () => {
      const tasks = { work: () => text(LIMIT + 1), half: () => text(150_000), echo: () => 1 };
      assert.equal((await failureOf(only(state), { tasks })).error, 'States.DataLimitExceeded');
    });

  it('over the limit is refused as what a Map Run without ResultWriter returns', async () => {
    const child = {
      ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
      StartAt: 'Half',
      States: { Half: task('half') },
    };
    const map = { Type: 'Map', End: true, Items: [1, 2], ItemProcessor: child };
    const failure = await failureOf(only(map), { tasks: { half: () => text(150_000) } });
    assert.equal(failure.error, 'States.DataLimitExceeded');
  });
});

describe('The history', () => {
  it('has the events that AWS writes: of a Task five and three more for each retry', async () => {
    const ok = await runDefinition(only(task('work')), { tasks: { work: () => 1 } });
    // ExecutionStarted, entered, scheduled, started, succeeded, exited, ExecutionSucceeded
    assert.equal(ok.execution.history.events, 7);
    const state = task('work', { End: true, Retry: [{ ErrorEquals: ['Busy'] }] });
    const retried = await runDefinition(only(state), { tasks: { work: failing('Busy', 2) } });
    assert.equal(retried.execution.history.events, 13);
  });

  it('of a round of looking at an index build has nine events', async () => {
    const look = (rounds: number) => ({
      StartAt: 'Check',
      States: {
        Check: task('check', { Next: 'State' }),
        State: {
          Type: 'Choice',
          Choices: [{ Condition: `{% $states.input < ${rounds} %}`, Next: 'Wait' }],
          Default: 'Done',
        },
        Wait: { Type: 'Wait', Seconds: 300, Next: 'Check' },
        Done: { Type: 'Succeed' },
      },
    });
    const events = async (rounds: number) => {
      let looks = 0;
      const { execution } = await runDefinition(look(rounds), { tasks: { check: () => ++looks } });
      return execution.history.events;
    };
    assert.equal((await events(11)) - (await events(10)), 9);
  });

  it('ends the execution at 25,000 events, and no Catch helps', async () => {
    const states = {
      Round: task('work', { Next: 'Round2', Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Round' }] }),
      Round2: task('work', { Next: 'Round' }),
    };
    const { end, execution } = await runDefinition(
      { StartAt: 'Round', States: states },
      { tasks: { work: () => 1 }, clock: new TestClock() },
    );
    assert.equal(end.status, 'FAILED');
    assert.equal(end.status === 'FAILED' && end.failure.error, 'States.Runtime');
    assert.equal(execution.history.events, 25_000);
  });
});
