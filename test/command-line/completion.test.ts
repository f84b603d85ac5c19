import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Command } from '../../local/command-line/command.ts';
import { completionScript } from '../../local/command-line/completion.ts';
import { PROGRAM_WORDS } from '../../local/command-line/help.ts';
import { migrate } from '../../local/commands/migrate.ts';
import { tune } from '../../local/commands/tune.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const commands = [migrate, tune] as unknown as Command[];

/** What bash offers for the last of these words. */
async function offered(...words: string[]): Promise<string[]> {
  const file = join(await temporaryFolder('completion-'), 'completion.bash');
  await writeFile(file, completionScript('bash', commands, PROGRAM_WORDS));
  const said = execFileSync('bash', [
    ...['--norc', '-c'],
    `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _chroma_to_pgvector; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ...[file, 'chroma-to-pgvector', ...words],
  ]);
  return String(said).split('\n').filter(Boolean);
}

const linesOf = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8', timeout: 20_000 }).split('\n').filter(Boolean);

/** What the other shells offer for the last word of a line. */
const OFFERED: Record<string, (file: string, line: string) => string[]> = {
  zsh: (file, line) =>
    linesOf('zsh', '-f', fileURLToPath(new URL('../fixtures/offered.zsh', import.meta.url)), file, line),
  fish: (file, line) =>
    linesOf('fish', '--no-config', '-c', `source ${file}; complete -C '${line}'`).map(
      (said) => said.split('\t')[0] as string,
    ),
};

const isHere = (program: string) => spawnSync(program, ['--version']).error === undefined;

describe('completion', () => {
  it('offers commands, options, and the values of those that have a choice', async () => {
    assert.deepEqual(await offered('mi'), ['migrate']);
    assert.deepEqual(await offered('sch'), ['schema']);
    assert.deepEqual(await offered('tune', '--re'), ['--restore', '--reindex']);
    assert.deepEqual(await offered('migrate', '--on-reject', ''), ['fail', 'quarantine', 'repair']);
    assert.deepEqual(await offered('completion', 'f'), ['fish']);
  });

  it('offers nothing where only its user knows the value', async () => {
    assert.deepEqual(await offered('migrate', '--source', '--'), []);
  });

  for (const [shell, offer] of Object.entries(OFFERED))
    it(`offers the same in ${shell}`, { skip: isHere(shell) ? false : `no ${shell} here` }, async () => {
      const file = join(await temporaryFolder('completion-'), `completion.${shell}`);
      await writeFile(file, completionScript(shell as 'zsh' | 'fish', commands, PROGRAM_WORDS));
      const offered = (line: string) => offer(file, `chroma-to-pgvector ${line}`).sort();
      assert.deepEqual(offered('mi'), ['migrate']);
      assert.deepEqual(offered('tune --re'), ['--reindex', '--restore']);
      assert.deepEqual(offered('migrate --on-reject '), ['fail', 'quarantine', 'repair']);
    });

  it('quotes every help text for zsh and fish', () => {
    for (const shell of ['zsh', 'fish'] as const) {
      const text = completionScript(shell, commands, PROGRAM_WORDS);
      for (const { name, options } of commands) {
        assert.ok(text.includes(name));
        for (const option of Object.keys(options))
          assert.ok(text.includes(option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)));
      }
      // A quote that is not escaped would leave the last one open.
      const quotes = text.replaceAll(/\\'|'\\''|#.*/g, '').split("'").length - 1;
      assert.equal(quotes % 2, 0, shell);
    }
  });
});
