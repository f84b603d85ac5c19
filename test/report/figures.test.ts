import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { latencyHistogram, percentile, ratesOf, underWay } from '../../src/report/figures.ts';
import { scaleTop } from '../../src/report/plot-time.ts';
import { type Interval, timeAxis } from '../../src/report/time-axis.ts';

const intervals = fc.array(
  fc
    .record({
      from: fc.integer({ min: 0, max: 5e6 }),
      took: fc.integer({ min: 0, max: 1e5 }),
      records: fc.nat(10_000),
    })
    .map(({ from, took, records }): Interval => ({ from, to: from + took, records })),
  { minLength: 1, maxLength: 60 },
);
const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
const near = (found: number, expected: number) =>
  assert.ok(Math.abs(found - expected) <= 1e-6 * Math.max(1, expected), `${found}, not ${expected}`);

test('the area under the throughput is every record, whatever the times', () => {
  fc.assert(
    fc.property(intervals, fc.integer({ min: 1, max: 100 }), (spans, slices) => {
      const axis = timeAxis(spans);
      near(
        sum(ratesOf(spans, axis, slices)) * (axis.seconds / slices),
        sum(spans.map(({ records }) => records)),
      );
    }),
  );
});

test('the area under the shards under way is all the time that they took', () => {
  fc.assert(
    fc.property(intervals, (spans) => {
      const axis = timeAxis(spans);
      near(
        sum(underWay(spans, axis, 40)) * (axis.seconds / 40),
        sum(spans.map(({ from, to }) => (to - from) / 1000)),
      );
    }),
  );
});

test('a night between two halves of a run is cut out of the axis and kept to be marked', () => {
  const night = 12 * 3600 * 1000;
  const axis = timeAxis([
    { from: 0, to: 90_000, records: 1 },
    { from: night, to: night + 30_000, records: 1 },
  ]);
  assert.equal(axis.seconds, 120);
  assert.deepEqual(axis.cuts, [{ at: 90, seconds: 12 * 3600 - 90 }]);
  assert.equal(axis.at(night + 15_000), 105);
});

test('a wait of seconds stays in the picture', () => {
  const axis = timeAxis([
    { from: 0, to: 10_000, records: 1 },
    { from: 40_000, to: 50_000, records: 1 },
  ]);
  assert.equal(axis.seconds, 50);
  assert.deepEqual(axis.cuts, []);
});

test('one immense rate does not squeeze the others, and an even series is not cut', () => {
  const even = Array.from({ length: 79 }, (_, index) => 1000 + index);
  assert.ok(scaleTop([...even, 1e7]) < 2000);
  assert.ok(scaleTop(even) >= 1078);
});

test('every search is in one bar, and a slow server leaves the fast one its bars', () => {
  const postgres = [0, 1, 1.2, 1.4, 2, 3];
  const { borders, postgres: bars, chroma } = latencyHistogram({ postgres, chroma: [250, 4000] });
  near(sum(bars), 1);
  near(sum(chroma), 1);
  assert.equal(borders.length, bars.length + 1);
  assert.ok(bars.filter((bar) => bar > 0).length >= 4);
});

test('percentiles are values that were measured', () => {
  assert.equal(percentile([], 0.5), null);
  assert.equal(percentile([7], 0.99), 7);
  assert.equal(percentile([1, 2, 3, 4], 0.5), 2);
  assert.equal(percentile([1, 2, 3, 4], 1), 4);
});
