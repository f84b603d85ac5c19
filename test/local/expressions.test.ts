/** JSONata as Step Functions has it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Json } from '../../local/state-machine/json.ts';
import { failureOf, only, outputOf } from './run-definition.ts';
import { TestClock } from './test-clock.ts';

const evaluate = (Output: Json, input: Json = {}) =>
  outputOf(only({ Type: 'Pass', End: true, Output }), { input, clock: new TestClock([0.25]) });

describe('An expression', () => {
  it('stands for its value wherever a string may stand, and other text for itself', async () => {
    const output = { run: '{% $states.input.run %}', list: ['{% 1 + 1 %}', 'a {% b %} c', 3, null] };
    assert.deepEqual(await evaluate(output, { run: 'r' }), { run: 'r', list: [2, 'a {% b %} c', 3, null] });
  });

  for (const [what, expression] of [
    ['gives nothing', '$states.input.missing'],
    ['names a field without $states.input', 'run'],
    ['fails', "1 + 'a'"],
    ['raises an error itself', "$error('no')"],
    ['gives a function', 'function($x) { $x }'],
    ['gives a function inside of a list', '[1, $sum]'],
    ['gives no finite number', '1 / 0'],
  ] as const)
    it(`that ${what} is a States.QueryEvaluationError`, async () => {
      const state = { Type: 'Pass', End: true, Output: `{% ${expression} %}` };
      const failure = await failureOf(only(state), { input: { run: 'r' } });
      assert.equal(failure.error, 'States.QueryEvaluationError');
      assert.match(failure.cause, /State Only, Output/);
    });
});

describe('The functions that Step Functions adds', () => {
  for (const [expression, value] of [
    ['$partition([1,2,3,4,5], 2)', [[1, 2], [3, 4], [5]]],
    ['$range(1, 9, 2)', [1, 3, 5, 7, 9]],
    ['$range(5, 1, -2)', [5, 3, 1]],
    ["$hash('chroma', 'SHA-256')", '49d765a2e4d7bc6d3fe07b17c6c2c69f58baccaff2c49ca5017383403d611c5b'],
    ["$hash('')", 'da39a3ee5e6b4b0d3255bfef95601890afd80709'],
    ["$hash('', 'MD5')", 'd41d8cd98f00b204e9800998ecf8427e'],
    ['$parse(\'{"a":[1]}\').a[0]', 1],
    ['$random()', 0.25],
    ['$random(7) = $random(7) and $random(7) < 1', true],
  ] as [string, Json][])
    it(expression, async () => {
      assert.deepEqual(await evaluate(`{% ${expression} %}`), value);
    });

  it('$uuid() gives another UUID each time', async () => {
    const [first, second] = (await evaluate('{% [$uuid(), $uuid()] %}')) as string[];
    assert.match(first!, /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    assert.notEqual(first, second);
  });
});
