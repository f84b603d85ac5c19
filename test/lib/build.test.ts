import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { HELPER_NAMES, STEP_NAMES } from '../../lib/step-names.ts';
import { buildAll } from '../../local/build.ts';
import type { Resource } from './synthesize.ts';

describe('the build', () => {
  it("makes every function's code, finds it again by the template, and does nothing the second time", async () => {
    const { assembly } = await buildAll();
    const template = JSON.parse(readFileSync(join(assembly, 'ChromaToPgvector.template.json'), 'utf8'));
    const resources: (Resource & { Metadata: Record<string, string> })[] = Object.values(template.Resources);
    const files = resources
      .filter(({ Type }) => Type === 'AWS::Lambda::Function')
      .map(({ Properties, Metadata }) =>
        join(assembly, Metadata['aws:asset:path']!, Properties.Handler.replace(/\.handler$/, '.mjs')),
      );
    assert.equal(files.length, STEP_NAMES.length + HELPER_NAMES.length);
    for (const file of files) assert.ok(existsSync(file), file);

    const again = await buildAll();
    assert.equal(again.built, false);
  });

  it('waits for another build instead of working in its folder', async () => {
    const builds = await Promise.all([buildAll(), buildAll(), buildAll()]);
    assert.ok(builds.filter(({ built }) => built).length <= 1);
  });
});
