/** What `schema` prints is published in docs/schema. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Command } from '../../local/command-line/command.ts';
import { bench } from '../../local/commands/bench.ts';
import { demo } from '../../local/commands/demo.ts';
import { migrate } from '../../local/commands/migrate.ts';
import { plan } from '../../local/commands/plan.ts';
import { rollback } from '../../local/commands/rollback.ts';
import { tune } from '../../local/commands/tune.ts';
import { verify } from '../../local/commands/verify.ts';
import { outputSchema } from '../../local/output/json-schema.ts';
import { sampleBenchmark } from '../benchmark/sample.ts';
import { assertPublished } from '../fixtures/output-schema.ts';

const commands = [demo, migrate, plan, verify, tune, bench, rollback] as unknown as Command[];

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
