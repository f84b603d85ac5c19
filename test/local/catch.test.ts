/** Which errors a rule's ErrorEquals stands for, and what the state that it leads to is given. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Json } from '../../local/state-machine/json.ts';
import { failing, failureOf, outputOf, task } from './run-definition.ts';

/** Whether a Catch of these names catches that error. */
async function catches(names: string[], error: string): Promise<boolean> {
  const Catch = [{ ErrorEquals: names, Next: 'Caught' }];
  const definition = {
    StartAt: 'Work',
    States: {
      Work: task('work', { End: true, Catch }),
      Caught: { Type: 'Pass', End: true, Output: 'caught' },
    },
  };
  const work = failing(error, 1);
  const output = await outputOf(definition, { tasks: { work } }).catch((failure) => failure.error as Json);
  return output === 'caught';
}

describe('ErrorEquals', () => {
  for (const [names, error, expected] of [
    [['Busy'], 'Busy', true],
    [['Busy'], 'Broken', false],
    [['Broken', 'Busy'], 'Busy', true],
    [['States.ALL'], 'Busy', true],
    [['States.ALL'], 'States.Timeout', true],
    [['States.ALL'], 'States.DataLimitExceeded', false],
    [['States.ALL'], 'States.Runtime', false],
    [['States.TaskFailed'], 'Busy', true],
    [['States.TaskFailed'], 'States.Timeout', false],
    [['States.TaskFailed', 'States.Timeout'], 'States.Timeout', true],
    [['States.TaskFailed'], 'States.Runtime', false],
    [['States.Runtime'], 'States.Runtime', false],
    [['States.DataLimitExceeded'], 'States.DataLimitExceeded', true],
  ] as [string[], string, boolean][])
    it(`${names.join(', ')} ${expected ? 'stands' : 'does not stand'} for ${error}`, async () => {
      assert.equal(await catches(names, error), expected);
    });
});

describe('Catch', () => {
  const caught = (rule: object, Caught: object = { Type: 'Pass', End: true }) => ({
    StartAt: 'Work',
    States: {
      Work: task('work', { End: true, Catch: [{ ErrorEquals: ['Busy'], Next: 'Caught', ...rule }] }),
      Caught: Caught as { Type: string },
    },
  });

  it('hands the error and its cause to the next state', async () => {
    const output = await outputOf(caught({}), { tasks: { work: failing('Busy', 1) } });
    assert.deepEqual(output, { Error: 'Busy', Cause: 'Busy happened' });
  });

  it('makes its Output and Assign of the error and of the state’s input', async () => {
    const definition = caught(
      {
        Output: { what: '{% $states.errorOutput.Error %}', of: '{% $states.input.shard %}' },
        Assign: { why: '{% $states.errorOutput.Cause %}' },
      },
      { Type: 'Pass', End: true, Output: { input: '{% $states.input %}', why: '{% $why %}' } },
    );
    const output = await outputOf(definition, { input: { shard: 3 }, tasks: { work: failing('Busy', 1) } });
    assert.deepEqual(output, { input: { what: 'Busy', of: 3 }, why: 'Busy happened' });
  });

  it('comes after the retries are used up, not before', async () => {
    const work = failing('Busy', 9);
    const definition = caught({});
    definition.States.Work.Retry = [{ ErrorEquals: ['Busy'], MaxAttempts: 2 }];
    await outputOf(definition, { tasks: { work } });
    assert.equal(work.calls, 3);
  });

  it('takes the first rule that matches', async () => {
    const Catch = [
      { ErrorEquals: ['Broken'], Next: 'Second' },
      { ErrorEquals: ['Busy'], Next: 'First' },
      { ErrorEquals: ['States.ALL'], Next: 'Second' },
    ];
    const definition = {
      StartAt: 'Work',
      States: {
        Work: task('work', { End: true, Catch }),
        First: { Type: 'Pass', End: true, Output: 1 },
        Second: { Type: 'Pass', End: true, Output: 2 },
      },
    };
    assert.equal(await outputOf(definition, { tasks: { work: failing('Busy', 1) } }), 1);
  });

  it('catches an expression of Output that fails', async () => {
    const definition = caught({ ErrorEquals: ['States.QueryEvaluationError'] });
    definition.States.Work.Output = '{% $states.result.Payload.missing %}';
    const output = await outputOf(definition, { tasks: { work: () => ({}) } });
    assert.equal((output as { Error: string }).Error, 'States.QueryEvaluationError');
  });

  it('leaves a failure that no rule is for to the execution, with the name of the state', async () => {
    const failure = await failureOf(caught({}), { tasks: { work: failing('Broken', 1) } });
    assert.deepEqual([failure.error, failure.cause, failure.state], ['Broken', 'Broken happened', 'Work']);
  });
});
