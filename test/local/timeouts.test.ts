/** What takes too long ends, and so does what is stopped from outside. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ExecutionAborted } from '../../local/state-machine/errors.ts';
import type { JsonObject } from '../../local/state-machine/json.ts';
import { failureOf, only, outputOf, runDefinition, task } from './run-definition.ts';
import { TestClock } from './test-clock.ts';

const never = () => new Promise(() => undefined);

describe('TimeoutSeconds of a Task', () => {
  it('fails it with States.Timeout at that second, though the task never answers', async () => {
    for (const seconds of [30, '{% $states.input.seconds %}']) {
      const clock = new TestClock();
      const before = clock.now();
      const definition = only(task('never', { End: true, TimeoutSeconds: seconds }));
      const failure = await failureOf(definition, { clock, tasks: { never }, input: { seconds: 30 } });
      assert.equal(failure.error, 'States.Timeout');
      assert.equal(clock.now() - before, 30_000);
    }
  });

  it('tells the task that its time is over', async () => {
    let told: unknown;
    const work = (_: unknown, signal: AbortSignal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          told = signal.reason;
          reject(signal.reason);
        });
      });
    await failureOf(only(task('work', { End: true, TimeoutSeconds: 5 })), { tasks: { work } });
    assert.match(String(told), /States\.Timeout/);
  });

  it('counts each attempt anew', async () => {
    let calls = 0;
    const work = () => (++calls < 3 ? never() : 'done');
    const Retry = [{ ErrorEquals: ['States.Timeout'], MaxAttempts: 2 }];
    const definition = only(task('work', { End: true, TimeoutSeconds: 10, Retry }));
    assert.equal(await outputOf(definition, { tasks: { work } }), 'done');
  });

  it('leaves a task alone that is in time', async () => {
    const clock = new TestClock();
    const work = async (_: unknown, signal: AbortSignal) => clock.sleep(9_999, signal).then(() => 'in time');
    const definition = only(task('work', { End: true, TimeoutSeconds: 10 }));
    assert.equal(await outputOf(definition, { clock, tasks: { work } }), 'in time');
  });
});

describe('TimeoutSeconds of the state machine', () => {
  it('ends the execution, and no Catch helps', async () => {
    const clock = new TestClock();
    const before = clock.now();
    const Catch = [{ ErrorEquals: ['States.ALL'], Next: 'Only' }];
    const definition = { TimeoutSeconds: 3600, ...only(task('never', { End: true, Catch })) };
    const { end } = await runDefinition(definition, { clock, tasks: { never } });
    assert.deepEqual(end, { status: 'TIMED_OUT' });
    assert.equal(clock.now() - before, 3_600_000);
  });
});

describe('An execution that is stopped', () => {
  it('ends as aborted wherever it is: in a task, a wait, or a map’s children', async () => {
    const map = (ProcessorConfig: JsonObject): JsonObject => ({
      Type: 'Map',
      End: true,
      Items: [1, 2],
      ItemProcessor: { ProcessorConfig, StartAt: 'Stop', States: { Stop: task('stop') } },
    });
    const branches: JsonObject[] = [
      { StartAt: 'A', States: { A: { Type: 'Wait', Seconds: 99_999_999, End: true } } },
      { StartAt: 'B', States: { B: task('stop') } },
    ];
    const states: JsonObject[] = [
      task('stop'),
      map({ Mode: 'INLINE' }),
      map({ Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' }),
      { Type: 'Parallel', End: true, Branches: branches },
    ];
    for (const state of states) {
      const controller = new AbortController();
      const stop = () => {
        controller.abort(new ExecutionAborted());
        return never();
      };
      const { end } = await runDefinition(only(state), { tasks: { stop }, signal: controller.signal });
      assert.deepEqual(end, { status: 'ABORTED' }, state.Type as string);
    }
  });

  it('does not begin if it was stopped before', async () => {
    const { end, events } = await runDefinition(only({ Type: 'Pass', End: true }), {
      signal: AbortSignal.abort(new ExecutionAborted()),
    });
    assert.deepEqual(end, { status: 'ABORTED' });
    assert.deepEqual(events, []);
  });
});
