/** What the documents tell people to type: the program understands it, and what they point at is there. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PROGRAM_WORDS } from '../../local/command-line/help.ts';
import { parseOptions } from '../../local/command-line/options.ts';
import { commands } from '../../local/commands/all.ts';
import manifest from '../../package.json' with { type: 'json' };
import { commandLines, wordsOf } from '../fixtures/documents.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const documents = ['README.md', ...globSync('docs/*.md', { cwd: root })];
/** Programs of the reader's own. */
const OTHERS = new Set([
  ...[
    'aws',
    'psql',
    'git',
    'curl',
    'jq',
    'du',
    'head',
    'wc',
    'ls',
    'cat',
    'export',
    'source',
    'gunzip',
    'zcat',
    'docker',
  ],
]);

describe('a document', () => {
  for (const document of documents)
    it(`${document} tells only what can be typed`, () => {
      const text = readFileSync(join(root, document), 'utf8');
      for (const line of commandLines(text)) assert.equal(mistakeOf(line), null, line);
    });

  for (const document of documents)
    it(`${document} points at nothing that is not there`, () => {
      const text = readFileSync(join(root, document), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g))
        if (!/^https?:/.test(target))
          assert.ok(existsSync(join(root, dirname(document), target)), `${document} → ${target}`);
    });
});

/** @returns what is wrong with a command line, or null */
function mistakeOf(line: string): string | null {
  const [program = '', ...args] = wordsOf(line);
  if (program === 'npm') return mistakeOfNpm(args);
  if (program === 'npx' && args[0] === 'chroma-to-pgvector') return mistakeOfOurs(args.slice(1));
  if (program === 'npx' && args[0] === 'cdk')
    return ['bootstrap', 'deploy', 'destroy', 'diff', 'synth'].includes(args[1] ?? '')
      ? null
      : 'no command of the CDK';
  if (program === 'chroma-to-pgvector') return mistakeOfOurs(args);
  if (program.startsWith('.ci/'))
    return existsSync(join(root, program))
      ? args[0] === 'npm'
        ? mistakeOfNpm(args.slice(1))
        : null
      : 'no such script';
  // A function of the document's own.
  if (/^\w+\(\)$/.test(program)) return null;
  return OTHERS.has(program) ? null : `'${program}' is not known`;
}

function mistakeOfNpm([verb = '', name = '', ...rest]: string[]): string | null {
  if (['ci', 'test', 'pack'].includes(verb)) return null;
  if (verb === 'start')
    return name === ''
      ? null
      : mistakeOfOurs([name, ...rest].filter((word) => !/^(--|--silent)$/.test(word)));
  return verb === 'run' && name in manifest.scripts ? null : 'no script of package.json';
}

function mistakeOfOurs([name = '', ...args]: string[]): string | null {
  if ((PROGRAM_WORDS as readonly string[]).includes(name) || name === '--help') return null;
  const command = commands.find((one) => one.name === name);
  if (!command) return `there is no command ${name}`;
  try {
    parseOptions(command.options, args);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
