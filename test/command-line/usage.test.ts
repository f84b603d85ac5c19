import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Command } from '../../local/command-line/command.ts';
import { commandHelp, programHelp } from '../../local/command-line/help.ts';
import { parseOptions, UsageError } from '../../local/command-line/options.ts';
import { commands } from '../../local/commands/all.ts';
import { migrate } from '../../local/commands/migrate.ts';
import { plan } from '../../local/commands/plan.ts';
import { verify } from '../../local/commands/verify.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const SOURCE = ['--source', 'http://localhost:8000'];

function mistakesOf(command: { options: Command['options'] }, ...args: string[]): string[] {
  try {
    parseOptions(command.options, args);
  } catch (error) {
    if (error instanceof UsageError) return error.mistakes;
    throw error;
  }
  return [];
}

const mistakes = (...args: string[]) => mistakesOf(migrate as unknown as Command, ...args);

describe('the command line', () => {
  it('names all mistakes at once', () => {
    const said = mistakes(
      ...[
        '--run',
        'no name',
        '--concurrency',
        '0',
        '--format',
        'xml',
        '--shard-bytes',
        '1',
        '--schema',
        'pg_x',
      ],
      ...['--store', 's3:/x', '--target', 'mysql://x', '--sample-size'],
    );
    const options = [
      'sample-size',
      'source',
      'run',
      'concurrency',
      'format',
      'shard-bytes',
      'schema',
      'store',
      'target',
    ];
    for (const option of options)
      assert.equal(said.filter((one) => one.startsWith(`--${option} `)).length, 1, `${option}: ${said}`);
    assert.equal(said.length, options.length);
  });

  it('suggests the option that was meant, and does not take its value for a second mistake', () => {
    assert.deepEqual(mistakes(...SOURCE, '--colections', 'docs'), [
      '--colections is no option of this command: did you mean --collections?',
    ]);
    assert.deepEqual(mistakes(...SOURCE, '--frobnicate'), ['--frobnicate is no option of this command']);
  });

  it('takes PGPASSWORD where the address has no password, and not where it has one', () => {
    const before = process.env.PGPASSWORD;
    process.env.PGPASSWORD = 'p@ss/word';
    try {
      const target = (url: string) => parseOptions(migrate.options, [...SOURCE, '--target', url]).target;
      assert.equal(target('postgres://user@host/db'), 'postgres://user:p%40ss%2Fword@host/db');
      assert.equal(target('postgres://user:own@host/db'), 'postgres://user:own@host/db');
    } finally {
      if (before === undefined) delete process.env.PGPASSWORD;
      else process.env.PGPASSWORD = before;
    }
  });

  it('takes headers from a file, beside those that are written out', async () => {
    const file = join(await temporaryFolder('headers-'), 'headers.txt');
    await writeFile(file, 'X-Chroma-Token: abc\r\n\nAuthorization: Bearer d e\n');
    const { sourceHeader } = parseOptions(plan.options, [
      ...[...SOURCE, '--source-header', `@${file}`, '--source-header', 'x-more: 1'],
    ]);
    assert.deepEqual(sourceHeader, { 'x-chroma-token': 'abc', authorization: 'Bearer d e', 'x-more': '1' });
  });

  it('repeats no text that may hold a secret', () => {
    const secret = 'hunter2';
    const said = mistakes(
      ...['--source', `ftp://user:${secret}@host`, '--source-header', secret],
      ...['--target', `postgres://user:${secret}#@host/db`],
    );
    assert.equal(said.length, 3);
    assert.ok(!said.join().includes(secret), said.join('\n'));
  });

  it('names all that does not go together with a certificate, and what is needed without one', async () => {
    const wrong = async (...args: string[]) => {
      const values = parseOptions(verify.options, ['--target', 'postgres://u@host/db', ...args]);
      const refused = await verify.run(values).catch((error: Error) => error);
      assert.ok(refused instanceof UsageError, String(refused));
      return refused.mistakes.map((mistake) => mistake.split(' ')[0]);
    };
    assert.deepEqual(
      await wrong('--certificate', 'c.json', ...SOURCE, '--collections', 'docs', '--sample-size', '5'),
      ['--source', '--collections', '--sample-size'],
    );
    assert.deepEqual(await wrong(...SOURCE, '--store', 'folder'), ['--store']);
    assert.deepEqual(mistakesOf(verify as unknown as Command, '--target', 'postgres://u@host/db').length, 1);
  });

  for (const command of commands)
    it(`explains ${command.name} with every option and an example, in 100 columns`, () => {
      const help = commandHelp(command);
      for (const line of help.split('\n')) assert.ok(line.length <= 100, line);
      assert.match(help, /Examples\n {2}chroma-to-pgvector/);
      for (const [option, { positional, value }] of Object.entries(command.options)) {
        const flag = `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
        assert.ok(help.includes(positional ? `  ${value}` : flag), option);
      }
    });

  it('lists every command', () => {
    const help = programHelp(commands);
    for (const { name } of commands) assert.match(help, new RegExp(`^ {2}${name} `, 'm'));
  });

  for (const command of commands)
    it(`understands the examples of ${command.name}`, async () => {
      for (const example of command.examples) {
        const words = example.split(' ').slice(1);
        if (words[0] === command.name) words.shift();
        // The file and the folder are the reader's.
        const used = words.map((word) => {
          if (word === './chroma') return 'chromadb';
          if (word === 'question.json') return 'package.json';
          return word.startsWith('@') ? 'x-chroma-token: 1' : word;
        });
        assert.deepEqual(mistakesOf(command, ...used), []);
      }
    });
});
