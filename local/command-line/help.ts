import type { Command } from './command.ts';
import { kebab } from './options.ts';

export const PROGRAM = 'chroma-to-pgvector';
/** What the program itself answers, beside the commands. */
export const PROGRAM_WORDS = ['completion', 'schema', 'help'] as const;
/** Columns of the help: most terminals have as many. */
const COLUMNS = 100;
/** Further apart than this, an option and its explanation stand on lines of their own. */
const WIDEST_LEFT = 34;

const EXIT_CODES = 'Exit codes: 0 all that was asked for is done and proven, 1 it is not, 2 wrong usage.';

export function commandHelp({ name, summary, description, options, examples }: Command): string {
  const rows = Object.entries(options).map(
    ([option, { value, help, required, positional }]): [string, string] => [
      positional ? `${value}` : `--${kebab(option)}${value === null ? '' : ` ${value}`}`,
      required === true ? `${help} (required)` : help,
    ],
  );
  rows.push(['--help', 'this text']);
  return [
    ...wrapped(`${PROGRAM} ${name} — ${summary}`),
    '',
    ...wrapped(description),
    '',
    'Options',
    ...table(rows),
    '',
    'Examples',
    ...examples.flatMap(command),
    '',
    EXIT_CODES,
  ].join('\n');
}

export function programHelp(commands: readonly Command[]): string {
  return [
    ...wrapped(
      `${PROGRAM} — moves what a Chroma server holds into PostgreSQL with pgvector, and proves that it arrived`,
    ),
    '',
    'Commands',
    ...table([
      ...commands.map(({ name, summary }): [string, string] => [name, summary]),
      ['completion', 'prints a script that completes commands and options: completion bash|zsh|fish'],
      ['schema', 'prints the JSON Schema of what a command prints with --json: schema COMMAND'],
    ]),
    '',
    ...wrapped(
      `Without a command it runs the demo. \`${PROGRAM} COMMAND --help\` explains a command, \`--version\` says which release this is.`,
    ),
    '',
    'Examples',
    ...command(PROGRAM),
    ...command(
      `${PROGRAM} migrate --source http://localhost:8000 --target postgres://user@localhost/vectors`,
    ),
    '',
    EXIT_CODES,
  ].join('\n');
}

function table(rows: [string, string][]): string[] {
  const width = Math.min(WIDEST_LEFT, Math.max(...rows.map(([left]) => left.length)));
  return rows.flatMap(([left, right]) => {
    const lines = wrapped(right, COLUMNS - width - 4);
    const own = left.length > width ? [`  ${left}`] : [];
    const first = own.length > 0 ? '' : left;
    return [...own, ...lines.map((line, index) => `  ${(index === 0 ? first : '').padEnd(width)}  ${line}`)];
  });
}

/** A command as a shell reads it, over several lines where it is long; an option stays with its value. */
function command(text: string): string[] {
  const lines = wrapped(text, COLUMNS - 6, / (?=--)/);
  return lines.map(
    (line, index) => `${index === 0 ? '  ' : '    '}${line}${index < lines.length - 1 ? ' \\' : ''}`,
  );
}

export function wrapped(text: string, columns = COLUMNS, between: RegExp = / /): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(between)) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
