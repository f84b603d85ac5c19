/** The tables of docs/guide.md: each command in them is one, with options that it takes; test/native/guide.test.ts runs them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseArgs } from 'node:util';
import { parseOptions } from '../../local/command-line/options.ts';
import { commands } from '../../local/commands/all.ts';
import { configured } from '../../local/config-file/configured.ts';
import { readConfig } from '../../local/config-file/read-config.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const guide = readFileSync(new URL('../../docs/guide.md', import.meta.url), 'utf8');
const written = [...guide.matchAll(/`chroma-to-pgvector ([^`]+)`/g)].map(([, words]) => words as string);
const passwordBefore = process.env.POSTGRES_PASSWORD;
let config: string;

before(async () => {
  process.env.POSTGRES_PASSWORD = 'secret';
  config = join(await temporaryFolder('guide-'), 'production.yaml');
  await writeFile(config, /```yaml\n([\s\S]*?)```/.exec(guide)?.[1] as string);
});
after(() => {
  if (passwordBefore === undefined) delete process.env.POSTGRES_PASSWORD;
  else process.env.POSTGRES_PASSWORD = passwordBefore;
});

const wordsOf = (line: string) =>
  Array.from(line.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, plain]) => (quoted ?? plain) as string);

describe("the guide's table", () => {
  it('has commands at all, for each of the guide’s', () => {
    const named = new Set(written.map((line) => line.split(' ')[0]));
    for (const name of [
      'export',
      'import',
      'verify',
      'test',
      'search',
      'tune',
      'bench',
      'switch',
      'rollback',
    ])
      assert.ok(named.has(name), name);
  });

  it('has a configuration that is understood', () => {
    assert.equal(
      readConfig(config).target,
      'postgres://postgres:secret@localhost:5432/signalhub?sslmode=require',
    );
  });

  for (const line of written)
    it(`is understood: ${line}`, () => {
      const [name, ...words] = wordsOf(line);
      const command = commands.find((one) => one.name === name);
      assert.ok(command, `${name} is no command`);
      const used = words.map((word) => (word === 'config/production.yaml' ? config : word));
      const values = configured(command.options, parseOptions(command.options, used));
      // Each option that is given has a value then: none is taken and dropped.
      const { tokens } = parseArgs({ args: used, strict: false, tokens: true, allowPositionals: true });
      for (const token of tokens)
        if (token.kind === 'option') {
          const key = token.name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
          assert.notEqual((values as Record<string, unknown>)[key], undefined, token.name);
        }
    });

  it('names no option of a command of its own that is not there', () => {
    for (const [, name, options] of guide.matchAll(
      /`(tune|plan|migrate|rollback|export|import|verify|search|switch)((?: --[a-z-]+)+)/g,
    )) {
      const command = commands.find((one) => one.name === name);
      for (const option of (options as string).trim().split(' --')) {
        const key = option
          .replace(/^--/, '')
          .replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
        if (name === 'migrate' || key === '') continue;
        assert.ok(command && key in command.options, `${name} --${key}`);
      }
    }
  });
});
