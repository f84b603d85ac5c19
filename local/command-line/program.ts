import { styleText } from 'node:util';
import { InvalidInput, MigrationError } from '../../src/errors.ts';
import { configured } from '../config-file/configured.ts';
import { Interrupted } from '../interrupt.ts';
import { outputSchema } from '../output/json-schema.ts';
import { printableLines } from '../progress/progress-line.ts';
import { failedJson } from '../summary.ts';
import { type Command, EXIT, type ExitCode } from './command.ts';
import { completionScript, SHELLS } from './completion.ts';
import { commandHelp, PROGRAM, PROGRAM_WORDS, programHelp } from './help.ts';
import { nearest } from './nearest.ts';
import { parseOptions, UsageError } from './options.ts';

export interface Program {
  version: string;
  /** The first one runs where none is named. */
  commands: readonly [Command, ...Command[]];
}

const HELP = ['--help', '-h'];

/** Finds the command, runs it, and turns what it throws into a sentence and an exit code. */
export async function runProgram(program: Program, args: readonly string[]): Promise<ExitCode> {
  const [first = '', ...rest] = args;
  const named = first !== '' && !first.startsWith('-');
  // What somebody types in any order: `migrate --help`, `--help migrate`, `help migrate`.
  const asksHelp = first === 'help' || args.some((arg) => HELP.includes(arg));
  if (!asksHelp && ['--version', '-v', 'version'].includes(first)) return say(program.version);
  let command = program.commands[0];
  let values: Record<string, unknown> = {};
  try {
    if (asksHelp) return help(program, args);
    if (first === 'completion') return completion(program, rest);
    if (first === 'schema') return schema(program, rest);
    if (named) command = find(program, first);
    values = configured(command.options, parseOptions(command.options, named ? rest : args));
    return await command.run(values);
  } catch (error) {
    const wrong = error instanceof UsageError;
    if (args.includes('--json')) say(JSON.stringify(failedJson(error, values)));
    explain(error, args.includes('--verbose'));
    if (wrong) complain(`Try ${PROGRAM}${named && command.name === first ? ` ${first}` : ''} --help.`);
    // What was under way when somebody stopped it is not waited for.
    if (error instanceof Interrupted) process.exit(EXIT.failed);
    return wrong || error instanceof InvalidInput ? EXIT.usage : EXIT.failed;
  }
}

function help(program: Program, args: readonly string[]): ExitCode {
  const about = args.find((arg) => arg !== 'help' && !arg.startsWith('-'));
  return say(about === undefined ? programHelp(program.commands) : commandHelp(find(program, about)));
}

/** @throws UsageError */
function completion({ commands }: Program, [shell = '', ...more]: string[]): ExitCode {
  const known = SHELLS.find((one) => one === shell);
  if (!known || more.length > 0)
    throw new UsageError([`completion takes the name of a shell: ${SHELLS.join(', ')}`]);
  return say(completionScript(known, commands, PROGRAM_WORDS).trimEnd());
}

/** @throws UsageError */
function schema(program: Program, [name = '', ...more]: string[]): ExitCode {
  const named = program.commands.filter(({ output }) => output).map((command) => command.name);
  if (name === '' || more.length > 0)
    throw new UsageError([`schema takes the name of a command: ${named.join(', ')}`]);
  const { output } = find(program, name);
  if (!output) throw new UsageError([`${name} has no schema: use ${named.join(', ')}`]);
  return say(JSON.stringify(outputSchema(name, output), null, 2));
}

/** @throws UsageError */
function find({ commands }: Program, name: string): Command {
  const found = commands.find((command) => command.name === name);
  if (found) return found;
  const names = [...commands.map((command) => command.name), ...PROGRAM_WORDS];
  const meant = nearest(name, names);
  throw new UsageError([
    meant
      ? `'${name}' is no command: did you mean ${meant}?`
      : `'${name}' is no command: use ${names.join(', ')}`,
  ]);
}

function explain(error: unknown, verbose: boolean): void {
  if (error instanceof UsageError) {
    for (const mistake of error.mistakes) complain(/[.?]$/.test(mistake) ? mistake : `${mistake}.`);
    return;
  }
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  const known = error instanceof MigrationError;
  if (known) complain(message);
  else complain(`Unexpected: ${message}${verbose ? '' : ' (--verbose shows where)'}`);
  if (verbose) complain(stack);
}

/** In red where the terminal has colours and nobody asked for none (NO_COLOR). */
const complain = (text: string) =>
  void process.stderr.write(`${styleText('red', printableLines(text), { stream: process.stderr })}\n`);

function say(text: string): ExitCode {
  process.stdout.write(`${text}\n`);
  return EXIT.done;
}
