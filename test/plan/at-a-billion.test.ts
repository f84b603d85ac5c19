import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { figuresTable } from '../fixtures/at-a-billion.ts';

test('docs/scale.md shows the figures that the formulas give', () => {
  const page = readFileSync(new URL('../../docs/scale.md', import.meta.url), 'utf8');
  assert.ok(page.includes(figuresTable()), `docs/scale.md should hold\n${figuresTable()}`);
});
