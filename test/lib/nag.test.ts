import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AwsSolutionsChecks } from 'cdk-nag';
import { ALTERNATIVES, alternative } from './alternatives.ts';

describe("cdk-nag's AwsSolutions rules", () => {
  for (const name of ALTERNATIVES)
    it(`find nothing that is not accepted with a reason: ${name}`, () => {
      const { stack } = alternative(name);
      assert.deepEqual(findings(stack), []);
    });

  it('are at work: without the reasons they find what is accepted', () => {
    const { stack } = alternative('default');
    // Private in its types: as if nothing had been accepted.
    const all = new AwsSolutionsChecks(stack);
    Object.defineProperty(all, 'isAcknowledged', { value: () => false });
    const rules = new Set(
      all.validateScope(stack).violations.map(({ ruleName }) => ruleName.replace(/\[.*/, '')),
    );
    assert.deepEqual([...rules].sort(), [
      'AwsSolutions-IAM5',
      'AwsSolutions-RDS11',
      'AwsSolutions-RDS3',
      'AwsSolutions-S1',
    ]);
  });
});

function findings(scope: Parameters<AwsSolutionsChecks['validateScope']>[0]): string[] {
  return new AwsSolutionsChecks(scope)
    .validateScope(scope)
    .violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(({ constructPath }) => `${constructPath}: ${ruleName}`),
    );
}
