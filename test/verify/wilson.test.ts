import assert from 'node:assert/strict';
import { it } from 'node:test';
import { wilsonInterval } from '../../src/verify/wilson.ts';

it("Wilson's interval is that of the tables, and says something where all were found", () => {
  const rounded = (found: number, wanted: number) => {
    const { low, high } = wilsonInterval(found, wanted)!;
    return [Number(low.toFixed(4)), Number(high.toFixed(4))];
  };
  // R. G. Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3.
  assert.deepEqual(rounded(81, 263), [0.2553, 0.3662]);
  assert.deepEqual(rounded(15, 148), [0.0624, 0.1605]);
  assert.deepEqual(rounded(0, 20), [0, 0.1611]);
  assert.deepEqual(rounded(1, 29), [0.0061, 0.1718]);
  assert.deepEqual(rounded(20, 20), [0.8389, 1]);
  assert.equal(wilsonInterval(0, 0), null);
});
