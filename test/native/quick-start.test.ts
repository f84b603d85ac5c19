/** The quick start and the page on operating, typed line by line against real servers, with --json beside. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { chdir } from 'node:process';
import { after, before, describe, it } from 'node:test';
import { commands } from '../../local/commands/all.ts';
import { failureOutput } from '../../local/output/schemas.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { runCommand } from '../fixtures/command-line.ts';
import { commandLines, wordsOf } from '../fixtures/documents.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertPublished } from '../fixtures/output-schema.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

describe('the commands of the documents', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    await fillCollection(chroma.url, { name: 'docs', dimension: 16, records: 120 });
    // They leave their store and their pictures where they are run.
    chdir(await temporaryFolder('quick-start-'));
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  for (const document of ['quick-start.md', 'operating.md']) {
    const text = readFileSync(new URL(`../../docs/${document}`, import.meta.url), 'utf8');
    it(`of ${document} do what they say, in their order`, async () => {
      const lines = commandLines(text).filter((line) => line.startsWith('npx chroma-to-pgvector '));
      assert.ok(lines.length >= 6);
      for (const line of lines) {
        const args = wordsOf(line)
          .slice(2)
          .map((word) => word.replace('http://localhost:8000', chroma.url))
          .map((word) => word.replace('postgres://user@localhost/vectors', postgres.url));
        // Less of the same, so that it takes a moment.
        if (args[0] === 'bench') args.push('--seconds', '1', '--queries', '5');
        const output = commands.find(({ name }) => name === args[0])?.output;
        const { code, stdout, stderr } = await runCommand([...args, ...(output ? ['--json'] : [])]);
        assert.equal(code, 0, `${line}\n${stderr}`);
        if (output) assertPublished(output, JSON.parse(stdout));
      }
    });
  }

  it('print what the schema says also when they fail', async () => {
    const { code, stdout } = await runCommand([
      ...['tune', '--target', postgres.url, '--collections', 'none', '--json'],
    ]);
    assert.equal(code, 1);
    assertPublished(failureOutput, JSON.parse(stdout));
  });
});
