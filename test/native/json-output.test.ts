/** `--json` prints what `schema` says that it prints. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Command } from '../../local/command-line/command.ts';
import { migrate } from '../../local/commands/migrate.ts';
import { plan } from '../../local/commands/plan.ts';
import { rollback } from '../../local/commands/rollback.ts';
import { tune } from '../../local/commands/tune.ts';
import { verify } from '../../local/commands/verify.ts';
import { failureOutput } from '../../local/output/schemas.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { runCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertPublished } from '../fixtures/output-schema.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

describe('a command with --json', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    await fillCollection(chroma.url, { name: 'docs', dimension: 8, records: 40 });
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  async function printed(name: string, ...args: string[]): Promise<{ code: number | null; json: unknown }> {
    const { code, stdout } = await runCommand([name, ...args, '--json', '--quiet']);
    return { code, json: JSON.parse(stdout) };
  }

  it('prints what its schema says, done or not', async () => {
    const source = ['--source', chroma.url];
    const target = ['--target', postgres.url];
    const store = ['--store', await temporaryFolder('schema-')];
    const rounds: [Command, string[], number][] = [
      [plan as unknown as Command, source, 0],
      [migrate as unknown as Command, [...source, ...target, ...store, '--run', 'one'], 0],
      [migrate as unknown as Command, [...source, ...target, ...store, '--run', 'two'], 0],
      [verify as unknown as Command, [...source, ...target], 0],
      [tune as unknown as Command, target, 0],
      [rollback as unknown as Command, [...target, '--collection', 'docs'], 0],
    ];
    for (const [{ name, output }, args, expected] of rounds) {
      const { code, json } = await printed(name, ...args);
      assert.equal(code, expected, JSON.stringify(json));
      assertPublished(output!, json);
    }
    const failed = await printed('tune', '--target', postgres.url, '--collections', 'none');
    assert.equal(failed.code, 1);
    assertPublished(failureOutput, failed.json);
  });
});
