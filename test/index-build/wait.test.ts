import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitSeconds } from '../../src/index-build/wait.ts';

test('waits for a turn grow from one second to a minute', () => {
  const waits = Array.from({ length: 9 }, (_, looks) => waitSeconds(looks));
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
});

test('the end of a build is noticed late by a sixtieth of it at most, or by a second', () => {
  for (const whole of [20, 300, 7200, 86_400]) {
    let at = 10;
    let looks = 0;
    for (; at < whole; looks++) at += waitSeconds(looks, { percent: (100 * at) / whole, seconds: at });
    assert.ok(at - whole <= Math.max(1, whole / 60 + 1), `${whole} s are noticed after ${at}`);
    assert.ok(looks <= 20 + whole / 60, `${looks} looks at ${whole} s`);
  }
});

test('a build of which nobody knows how far it is may be over for an eighth of its time', () => {
  assert.equal(waitSeconds(9, { percent: null, seconds: 3 }), 1);
  assert.equal(waitSeconds(9, { percent: null, seconds: 40 }), 5);
  assert.equal(waitSeconds(9, { percent: 0, seconds: 3000 }), 60);
  assert.equal(waitSeconds(9, { percent: 0, seconds: 4000 }), 67);
});

test('a build that seems done and goes on is looked at the less often the longer it has gone on', () => {
  assert.equal(waitSeconds(9, { percent: 100, seconds: 30 }), 1);
  assert.equal(waitSeconds(9, { percent: 100, seconds: 1800 }), 30);
  assert.equal(waitSeconds(9, { percent: 100, seconds: 7200 }), 120);
  assert.equal(waitSeconds(9, { percent: 100, seconds: 86_400 }), 300);
});
