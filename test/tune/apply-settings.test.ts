import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { ParameterReport } from '../../src/report/report.ts';
import { parameterBatches } from '../../src/tune/apply-settings.ts';

const setting = (number: number, needsReboot: boolean): ParameterReport => ({
  name: `setting_${number}`,
  scope: 'instance',
  oldValue: '1',
  newValue: '2',
  unit: null,
  reason: 'Because.',
  needsReboot,
  applied: true,
});

test('each setting is in one call, no call has more than the 20 that RDS takes, and none is empty', () => {
  fc.assert(
    fc.property(fc.nat(90), (number) => {
      const settings = Array.from({ length: number }, (_, index) => setting(index, false));
      const batches = parameterBatches(settings);
      assert.ok(batches.every((batch) => batch.length >= 1 && batch.length <= 20));
      assert.deepEqual(
        batches.flat().map(({ ParameterName }) => ParameterName),
        settings.map(({ name }) => name),
      );
    }),
  );
});

test('a static setting waits for the reboot: RDS refuses to apply it at once', () => {
  const methods = parameterBatches([setting(1, true), setting(2, false)])
    .flat()
    .map(({ ApplyMethod }) => ApplyMethod);
  assert.deepEqual(methods, ['pending-reboot', 'immediate']);
});
