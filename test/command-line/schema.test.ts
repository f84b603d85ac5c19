/** What `schema` prints is published in docs/schema. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { commands } from '../../local/commands/all.ts';
import { bench } from '../../local/commands/bench.ts';
import { outputSchema } from '../../local/output/json-schema.ts';
import { sampleBenchmark } from '../benchmark/sample.ts';
import { assertPublished } from '../fixtures/output-schema.ts';

describe('the published schema', () => {
  for (const { name, output } of commands)
    it(`of ${name} stands in docs/schema as the program prints it`, () => {
      const file = new URL(`../../docs/schema/${name}.json`, import.meta.url);
      assert.deepEqual(
        JSON.parse(readFileSync(file, 'utf8')),
        JSON.parse(JSON.stringify(outputSchema(name, output!))),
      );
    });

  it('of bench fits a benchmark', () => assertPublished(bench.output!, sampleBenchmark()));
});
