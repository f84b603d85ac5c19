import type { Options, Values } from './options.ts';
import { kebab } from './options.ts';

/** Documented in `--help` and docs: what the process ends with. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface Command<O extends Options = Options> {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** A few sentences for the command's own help. */
  description: string;
  options: O;
  examples: string[];
  run(values: Values<O>): Promise<ExitCode>;
}

const PROGRAM = 'chroma-to-pgvector';

export function commandHelp(command: Command): string {
  const rows = Object.entries(command.options).map(([name, { value, help, required }]) => [
    `--${kebab(name)}${value === null ? '' : ` ${value}`}`,
    required ? `${help} (required)` : help,
  ]);
  rows.push(['--help', 'this text']);
  return [
    `${PROGRAM} ${command.name} — ${command.summary}`,
    '',
    command.description,
    '',
    'Options',
    ...table(rows),
    '',
    'Examples',
    ...command.examples.map((example) => `  ${example}`),
    '',
    EXIT_CODES,
  ].join('\n');
}

export function programHelp(commands: readonly Command[]): string {
  return [
    `${PROGRAM} — moves what a Chroma server holds into PostgreSQL with pgvector, and proves that it arrived`,
    '',
    'Commands',
    ...table(commands.map(({ name, summary }) => [name, summary])),
    '',
    `Without a command it runs the demo. \`${PROGRAM} COMMAND --help\` explains a command.`,
    '',
    EXIT_CODES,
  ].join('\n');
}

const EXIT_CODES = 'Exit codes: 0 all that was asked for is done and proven, 1 it is not, 2 wrong usage.';

function table(rows: string[][]): string[] {
  const width = Math.max(...rows.map(([left]) => left?.length ?? 0));
  return rows.map(([left, right]) => `  ${left?.padEnd(width)}  ${right}`);
}
