/** The Map state whose iterations are part of the execution. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StateFailure } from '../../local/state-machine/errors.ts';
import type { JsonObject } from '../../local/state-machine/json.ts';
import { failureOf, only, outputOf, task } from './run-definition.ts';
import { TestClock } from './test-clock.ts';

const map = (fields: JsonObject = {}) =>
  only({
    Type: 'Map',
    End: true,
    ItemProcessor: { ProcessorConfig: { Mode: 'INLINE' }, StartAt: 'Work', States: { Work: task('work') } },
    ...fields,
  });

/** A task that takes a second and remembers how many of it ran at once. */
export function measured(clock: TestClock) {
  const work = async (item: unknown, signal: AbortSignal) => {
    work.most = Math.max(work.most, ++work.running);
    await clock.sleep(1000, signal).finally(() => work.running--);
    return item;
  };
  work.running = 0;
  work.most = 0;
  return work;
}

describe('An inline Map', () => {
  it('gathers the results in the order of the items, whichever ends first', async () => {
    const clock = new TestClock();
    const work = async (seconds: number, signal: AbortSignal) => {
      await clock.sleep(seconds * 1000, signal);
      return seconds;
    };
    const output = await outputOf(map(), { input: [3, 1, 2], tasks: { work }, clock });
    assert.deepEqual(output, [3, 1, 2]);
  });

  it('gives nothing for no items', async () => {
    assert.deepEqual(await outputOf(map({ Items: [] }), { tasks: { work: () => 1 } }), []);
  });

  it('gives a child what ItemSelector makes of the item, its index and the input', async () => {
    const definition = map({
      Items: '{% $states.input.items %}',
      ItemSelector: {
        item: '{% $states.context.Map.Item.Value %}',
        index: '{% $states.context.Map.Item.Index %}',
        run: '{% $states.input.run %}',
      },
    });
    const output = await outputOf(definition, {
      input: { run: 'r', items: ['a', 'b'] },
      tasks: { work: (input) => input },
    });
    assert.deepEqual(output, [
      { item: 'a', index: 0, run: 'r' },
      { item: 'b', index: 1, run: 'r' },
    ]);
  });

  for (const [asked, most] of [
    [3, 3],
    ['{% $states.input[0] %}', 2],
    [0, 40],
    [100, 40],
  ] as const)
    it(`runs exactly ${most} iterations at once with MaxConcurrency ${asked}`, async () => {
      const clock = new TestClock();
      const work = measured(clock);
      const input = Array.from({ length: 100 }, () => 2);
      await outputOf(map({ MaxConcurrency: asked }), { input, tasks: { work }, clock });
      assert.equal(work.most, most);
    });

  it('fails with the error of the first iteration that fails, stops those under way and starts no more', async () => {
    const clock = new TestClock();
    const ended: number[] = [];
    const started: number[] = [];
    const work = async (item: number, signal: AbortSignal) => {
      started.push(item);
      await clock.sleep(item === 1 ? 1000 : 5000, signal);
      if (item === 1) throw new StateFailure('Broken', 'item 1');
      ended.push(item);
    };
    const failure = await failureOf(map({ MaxConcurrency: 2 }), {
      input: [0, 1, 2, 3],
      tasks: { work },
      clock,
    });
    assert.deepEqual([failure.error, failure.cause, failure.state], ['Broken', 'item 1', 'Work']);
    assert.deepEqual(started, [0, 1]);
    assert.deepEqual(ended, []);
  });

  it('fails if what it is to go over is no list', async () => {
    const failure = await failureOf(map({ Items: '{% $states.input %}' }), { tasks: { work: () => 1 } });
    assert.equal(failure.error, 'States.QueryEvaluationError');
  });
});
