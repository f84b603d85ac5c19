/** How often and how long after an error a state is tried again, as Step Functions would. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StateFailure } from '../../local/state-machine/errors.ts';
import type { JsonObject } from '../../local/state-machine/json.ts';
import { failing, failureOf, only, outputOf, runDefinition, task } from './run-definition.ts';
import { TestClock } from './test-clock.ts';

const retrying = (...Retry: JsonObject[]) => only(task('work', { End: true, Retry }));
const always = (error: string) => failing(error, Number.POSITIVE_INFINITY);

describe('Retry', () => {
  it('tries MaxAttempts times more and then fails with the last error', async () => {
    const work = always('Busy');
    const rule = { ErrorEquals: ['Busy'], MaxAttempts: 4 };
    assert.equal((await failureOf(retrying(rule), { tasks: { work } })).error, 'Busy');
    assert.equal(work.calls, 5);
  });

  it('stops as soon as the task succeeds', async () => {
    const work = failing('Busy', 2, { records: 7 });
    assert.deepEqual(await outputOf(retrying({ ErrorEquals: ['Busy'] }), { tasks: { work } }), {
      records: 7,
    });
    assert.equal(work.calls, 3);
  });

  it('does not retry with MaxAttempts 0, nor an error that no rule names', async () => {
    for (const [error, rule] of [
      ['Busy', { ErrorEquals: ['Busy'], MaxAttempts: 0 }],
      ['Broken', { ErrorEquals: ['Busy'] }],
    ] as const) {
      const work = always(error);
      await failureOf(retrying(rule as unknown as JsonObject), { tasks: { work } });
      assert.equal(work.calls, 1);
    }
  });

  it('waits 1, 2 and 4 seconds, three times, where the rule says nothing', async () => {
    const clock = new TestClock();
    await failureOf(retrying({ ErrorEquals: ['Busy'] }), { clock, tasks: { work: always('Busy') } });
    assert.deepEqual(clock.sleeps, [1, 2, 4]);
  });

  it('multiplies the interval by BackoffRate up to MaxDelaySeconds', async () => {
    const clock = new TestClock();
    const rule = {
      ErrorEquals: ['Busy'],
      IntervalSeconds: 2,
      BackoffRate: 3,
      MaxAttempts: 5,
      MaxDelaySeconds: 60,
    };
    await failureOf(retrying(rule), { clock, tasks: { work: always('Busy') } });
    assert.deepEqual(clock.sleeps, [2, 6, 18, 54, 60]);
  });

  it('draws each wait from 0 to the backoff under full jitter', async () => {
    const clock = new TestClock([0, 0.25, 0.999, 0.5]);
    const rule = {
      ErrorEquals: ['Busy'],
      IntervalSeconds: 10,
      MaxAttempts: 4,
      MaxDelaySeconds: 40,
      JitterStrategy: 'FULL',
    };
    await failureOf(retrying(rule), { clock, tasks: { work: always('Busy') } });
    assert.deepEqual(clock.sleeps, [0, 5, 39.96, 20]);
  });

  it('counts the attempts of each rule by themselves, and takes the first rule that matches', async () => {
    const clock = new TestClock();
    const errors = ['Busy', 'Throttled', 'Busy', 'Throttled', 'Busy'];
    const work = () => {
      const error = errors.shift();
      if (error) throw new StateFailure(error, '');
      return 'done';
    };
    const definition = retrying(
      { ErrorEquals: ['Busy'], IntervalSeconds: 1, MaxAttempts: 3 },
      { ErrorEquals: ['Throttled'], IntervalSeconds: 100, MaxAttempts: 2 },
      { ErrorEquals: ['States.ALL'], IntervalSeconds: 9999, MaxAttempts: 9 },
    );
    assert.equal(await outputOf(definition, { clock, tasks: { work } }), 'done');
    assert.deepEqual(clock.sleeps, [1, 100, 2, 200, 4]);
  });

  it('does not fall to a later rule when the first that matches is used up', async () => {
    const work = always('Busy');
    const definition = retrying(
      { ErrorEquals: ['Busy'], MaxAttempts: 1 },
      { ErrorEquals: ['States.ALL'], MaxAttempts: 5 },
    );
    await failureOf(definition, { tasks: { work } });
    assert.equal(work.calls, 2);
  });

  it('begins to count anew when the state is entered again', async () => {
    const work = failing('Busy', 4);
    const first = task('work', {
      Next: 'Again',
      Retry: [{ ErrorEquals: ['Busy'], MaxAttempts: 2 }],
      Catch: [{ ErrorEquals: ['Busy'], Next: 'Work' }],
    });
    const definition = { StartAt: 'Work', States: { Work: first, Again: { Type: 'Succeed' } } };
    assert.equal(await outputOf(definition, { tasks: { work } }), 'done');
    assert.equal(work.calls, 5);
  });

  it('tells of each retry: the error, which attempt it is and how long it waits', async () => {
    const work = failing('Busy', 2);
    const { events } = await runDefinition(retrying({ ErrorEquals: ['Busy'] }), { tasks: { work } });
    const common = { type: 'retry', state: 'Only', path: ['Only'], error: 'Busy', cause: 'Busy happened' };
    assert.deepEqual(
      events.filter(({ type }) => type === 'retry'),
      [
        { ...common, attempt: 1, waitSeconds: 1 },
        { ...common, attempt: 2, waitSeconds: 2 },
      ],
    );
  });

  it('shows the retries so far to expressions as State.RetryCount', async () => {
    const seen: unknown[] = [];
    const work = (payload: unknown) => {
      seen.push(payload);
      throw new StateFailure('Busy', '');
    };
    const Arguments = { FunctionName: 'work', Payload: '{% $states.context.State.RetryCount %}' };
    const definition = only(
      task('work', { End: true, Arguments, Retry: [{ ErrorEquals: ['Busy'], MaxAttempts: 2 }] }),
    );
    await failureOf(definition, { tasks: { work } });
    assert.deepEqual(seen, [0, 1, 2]);
  });

  it('of a Map runs all of its items again', async () => {
    const calls: unknown[] = [];
    const work = (item: number) => {
      calls.push(item);
      if (calls.length === 2) throw new StateFailure('Busy', '');
      return item;
    };
    const map = {
      Type: 'Map',
      End: true,
      Items: [1, 2],
      MaxConcurrency: 1,
      ItemProcessor: { StartAt: 'Work', States: { Work: task('work') } },
      Retry: [{ ErrorEquals: ['Busy'] }],
    };
    assert.deepEqual(await outputOf(only(map), { tasks: { work } }), [1, 2]);
    assert.deepEqual(calls, [1, 2, 1, 2]);
  });
});
