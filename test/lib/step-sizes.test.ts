/** What the functions are given, beside what they needed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { STEP_NAMES, type StepName } from '../../lib/step-names.ts';
import { MEASURED, MINUTES, memoryMb, TIME_FACTOR, timeoutMinutes } from '../../lib/step-sizes.ts';
import { functionsOf, synthesize } from './synthesize.ts';

/** Seconds that Lambda gives a function at most. */
const MOST_SECONDS = 900;

const row = (step: StepName): string => {
  const { peakMb, seconds, times, grows } = MEASURED[step];
  const given = `${memoryMb(step, 512)} MB | ${seconds} s | ${times} × (${grows}) | ${timeoutMinutes(step)} min`;
  return `| \`${step}\` | ${peakMb} MB | ${given} |`;
};

describe("a function's memory and time-out", () => {
  const functions = functionsOf(synthesize({ chromaUrl: 'https://chroma.test' }).template);

  it('are in the template what follows from the measurement', () => {
    for (const step of STEP_NAMES) {
      const { MemorySize, Timeout } = functions.get(step)!;
      assert.deepEqual([MemorySize, Timeout], [memoryMb(step, 512), timeoutMinutes(step) * 60], step);
    }
  });

  it('leave twice the memory at least, and the factor in time or all that Lambda gives', () => {
    for (const step of STEP_NAMES) {
      const { peakMb, seconds, times } = MEASURED[step];
      assert.ok(memoryMb(step, 512) >= 2 * peakMb, step);
      assert.ok(timeoutMinutes(step) * 60 >= Math.min(MOST_SECONDS, seconds * times * TIME_FACTOR), step);
      // A call that hangs is noticed before the longest that any may take, unless it may take that itself.
      const shorter = MINUTES.filter((minutes) => minutes < timeoutMinutes(step));
      assert.ok(
        shorter.every((minutes) => minutes * 60 < seconds * times * TIME_FACTOR),
        step,
      );
    }
  });

  it('stand in docs/aws.md as they are', () => {
    const document = readFileSync(new URL('../../docs/aws.md', import.meta.url), 'utf8');
    for (const step of STEP_NAMES) assert.ok(document.includes(row(step)), row(step));
    assert.ok(document.includes(`${TIME_FACTOR} times`));
  });

  it('follow the setting where shards are moved, and no other', () => {
    const wide = functionsOf(synthesize({ chromaUrl: 'https://chroma.test', shardMemoryMb: 1769 }).template);
    for (const step of STEP_NAMES) assert.equal(wide.get(step)!.MemorySize, memoryMb(step, 1769), step);
    assert.equal(wide.get('export-shard')!.MemorySize, 1769);
  });
});
