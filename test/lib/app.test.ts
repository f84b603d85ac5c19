import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the app as the CDK command line runs it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'assembly-'));
  after(() => rmSync(folder, { recursive: true }));
  const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));
  execFileSync(process.execPath, ['bin/app.ts'], {
    cwd: root,
    // No account, no region, no credentials, no home that could hold them.
    env: {
      CDK_OUTDIR: folder,
      CDK_CONTEXT_JSON: JSON.stringify({ ...context, 'aws:cdk:bundling-stacks': [] }),
    },
  });
  const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

  it('asks nothing of an AWS account, so it synthesizes offline', () => {
    const manifest = read('manifest.json');
    assert.equal(manifest.missing, undefined);
    assert.equal(manifest.artifacts.ChromaToPgvector.environment, 'aws://unknown-account/unknown-region');
  });

  it("violates none of CloudFormation's schemas", () => {
    assert.deepEqual(
      read('validation-report.json').pluginReports.flatMap(
        (report: { violations: unknown[] }) => report.violations,
      ),
      [],
    );
  });
});
