/** Which state comes next, and what it is given. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../local/state-machine/json.ts';
import { failing, failureOf, only, outputOf, runDefinition, task } from './run-definition.ts';
import { TestClock } from './test-clock.ts';

describe('Choice', () => {
  const size = (records: number) => {
    const Choices: JsonObject[] = [
      { Condition: '{% $states.input.records > 1000 %}', Next: 'Large', Output: 'over a thousand' },
      { Condition: '{% $states.input.records > 0 %}', Next: 'Small' },
    ];
    return outputOf(
      {
        StartAt: 'Size',
        States: {
          Size: { Type: 'Choice', Choices, Default: 'Empty', Output: 'nothing' },
          Large: { Type: 'Pass', End: true, Output: { large: '{% $states.input %}' } },
          Small: { Type: 'Pass', End: true, Output: { small: '{% $states.input %}' } },
          Empty: { Type: 'Pass', End: true, Output: { empty: '{% $states.input %}' } },
        },
      },
      { input: { records } },
    );
  };

  it('takes the first rule that holds, with the rule’s own Output', async () => {
    assert.deepEqual(await size(5000), { large: 'over a thousand' });
    assert.deepEqual(await size(5), { small: { records: 5 } });
  });

  it('takes Default, with the state’s Output, if no rule holds', async () => {
    assert.deepEqual(await size(0), { empty: 'nothing' });
  });

  it('assigns what the rule that is taken says, and nothing of the others', async () => {
    const Choices: JsonObject[] = [
      { Condition: false, Next: 'End', Assign: { rule: 1, first: true } },
      { Condition: true, Next: 'End', Assign: { rule: 2 } },
    ];
    const Output = "{% $string($rule) & ($exists($first) ? ' and the first' : '') %}";
    const states = { Choose: { Type: 'Choice', Choices }, End: { Type: 'Pass', End: true, Output } };
    assert.equal(await outputOf({ StartAt: 'Choose', States: states }), '2');
  });

  it('fails with States.NoChoiceMatched if nothing holds and there is no Default', async () => {
    const Choices = [{ Condition: '{% $states.input.records > 0 %}', Next: 'End' }];
    const states = { Choose: { Type: 'Choice', Choices }, End: { Type: 'Succeed' } };
    const failure = await failureOf({ StartAt: 'Choose', States: states }, { input: { records: 0 } });
    assert.equal(failure.error, 'States.NoChoiceMatched');
  });

  it('fails if a Condition gives no boolean', async () => {
    const Choices = [{ Condition: '{% $states.input.records %}', Next: 'End' }];
    const states = { Choose: { Type: 'Choice', Choices }, End: { Type: 'Succeed' } };
    const failure = await failureOf({ StartAt: 'Choose', States: states }, { input: { records: 1 } });
    assert.equal(failure.error, 'States.QueryEvaluationError');
  });
});

describe('Wait', () => {
  it('lasts as many seconds as it says, by a number or an expression', async () => {
    const clock = new TestClock();
    const states = {
      First: { Type: 'Wait', Seconds: 90, Next: 'Second' },
      Second: { Type: 'Wait', Seconds: '{% $states.input.seconds * 2 %}', End: true },
    };
    const before = clock.now();
    const output = await outputOf({ StartAt: 'First', States: states }, { clock, input: { seconds: 30 } });
    assert.equal(clock.now() - before, 150_000);
    assert.deepEqual(output, { seconds: 30 });
  });

  it('lasts until a timestamp, and no time at all if that is past', async () => {
    const clock = new TestClock();
    const until = new Date(clock.now() + 3_600_000).toISOString();
    await outputOf(only({ Type: 'Wait', Timestamp: until, End: true }), { clock });
    assert.equal(new Date(clock.now()).toISOString(), until);
    await outputOf(only({ Type: 'Wait', Timestamp: '2020-01-01T00:00:00Z', End: true }), { clock });
    assert.equal(new Date(clock.now()).toISOString(), until);
  });

  it('fails if its seconds are no whole number from 0 on', async () => {
    for (const seconds of [-1, 1.5, '5']) {
      const state = { Type: 'Wait', Seconds: '{% $states.input.seconds %}', End: true };
      const failure = await failureOf(only(state), { input: { seconds } });
      assert.equal(failure.error, 'States.QueryEvaluationError', String(seconds));
    }
  });
});

describe('Fail', () => {
  it('ends the execution with its error and cause', async () => {
    const state = { Type: 'Fail', Error: 'RecordsRejected', Cause: "{% $states.input.n & ' records' %}" };
    const { error, cause, state: name } = await failureOf(only(state), { input: { n: 3 } });
    assert.deepEqual([error, cause, name], ['RecordsRejected', '3 records', 'Only']);
  });
});

describe('Parallel', () => {
  const branch = (name: string, state: JsonObject) => ({ StartAt: name, States: { [name]: state } });

  it('gives every branch the input and gathers their outputs in order', async () => {
    const tasks = { slow: (n: number) => n + 1, fast: (n: number) => n * 2 };
    const Branches = [branch('Slow', task('slow')), branch('Fast', task('fast'))];
    assert.deepEqual(
      await outputOf(only({ Type: 'Parallel', Branches, End: true }), { tasks, input: 5 }),
      [6, 10],
    );
  });

  it('fails with the error of the first branch that fails, and stops the others', async () => {
    const clock = new TestClock();
    const Branches = [
      branch('Broken', task('broken')),
      {
        StartAt: 'Waiting',
        States: { Waiting: { Type: 'Wait', Seconds: 60, Next: 'Late' }, Late: task('late') },
      },
    ];
    const late = failing('Late', 0);
    const tasks = { broken: failing('Broken', 1), late };
    const failure = await failureOf(only({ Type: 'Parallel', Branches, End: true }), { tasks, clock });
    assert.deepEqual([failure.error, failure.state], ['Broken', 'Broken']);
    assert.equal(late.calls, 0);
  });
});

describe('An execution', () => {
  it('shows expressions its name, input, start and the state', async () => {
    const Output =
      '{% [$states.context.Execution.Name, $states.context.Execution.Input.a, $states.context.Execution.StartTime, $states.context.State.Name, $states.context.StateMachine.Name] %}';
    assert.deepEqual(await outputOf(only({ Type: 'Pass', End: true, Output }), { input: { a: 1 } }), [
      'test',
      1,
      '2026-01-01T00:00:00.000Z',
      'Only',
      'chroma-to-pgvector',
    ]);
  });

  it('tells of each state that it enters and leaves, with the path to it', async () => {
    const child = { StartAt: 'Work', States: { Work: task('work') } };
    const map = { Type: 'Map', Items: [7], ItemProcessor: child, Next: 'End' };
    const { events } = await runDefinition(
      { StartAt: 'Each', States: { Each: map, End: { Type: 'Succeed' } } },
      { tasks: { work: (n: number) => n } },
    );
    assert.deepEqual(
      events.map((event) => [event.type, 'path' in event && event.path.join('/')]),
      [
        ['state-entered', 'Each'],
        ['state-entered', 'Each/0/Work'],
        ['state-exited', 'Each/0/Work'],
        ['state-exited', 'Each'],
        ['state-entered', 'End'],
        ['state-exited', 'End'],
      ],
    );
  });
});
