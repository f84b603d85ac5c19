/** The command line: finds the command, runs it, and turns what it throws into a sentence and an exit code. */
import {
  type Command,
  commandHelp,
  EXIT,
  type ExitCode,
  programHelp,
} from '../local/command-line/command.ts';
import { parseOptions, UsageError } from '../local/command-line/options.ts';
import { demo } from '../local/commands/demo.ts';
import { migrate } from '../local/commands/migrate.ts';
import { plan } from '../local/commands/plan.ts';
import { rollback } from '../local/commands/rollback.ts';
import { verify } from '../local/commands/verify.ts';
import { printable } from '../local/progress/progress-line.ts';
import { InvalidInput, MigrationError } from '../src/errors.ts';

// Each command's own options are known to it alone.
const commands = [demo, migrate, plan, verify, rollback] as unknown as Command[];

async function main(args: string[]): Promise<ExitCode> {
  const [first, ...rest] = args;
  const named = first !== undefined && !first.startsWith('-');
  const command = named ? commands.find(({ name }) => name === first) : demo;
  const options = named ? rest : args;
  if (!named && options.some((option) => option === '--help' || option === '-h'))
    return help(programHelp(commands));
  if (first === 'help') return help(programHelp(commands));
  if (!command)
    throw new UsageError([`'${first}' is no command: use ${commands.map(({ name }) => name).join(', ')}`]);
  if (options.includes('--help') || options.includes('-h')) return help(commandHelp(command as Command));
  return (command as Command).run(parseOptions(command.options, options));
}

function help(text: string): ExitCode {
  process.stdout.write(`${text}\n`);
  return EXIT.done;
}

function explain(error: unknown, verbose: boolean): ExitCode {
  if (error instanceof UsageError) {
    for (const mistake of error.mistakes) process.stderr.write(`${printable(mistake)}.\n`);
    process.stderr.write('Try --help.\n');
    return EXIT.usage;
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  process.stderr.write(`${printable(message)}\n`);
  if (verbose || !(error instanceof MigrationError)) process.stderr.write(`${stack}\n`);
  return error instanceof InvalidInput ? EXIT.usage : EXIT.failed;
}

const args = process.argv.slice(2);
process.exitCode = await main(args).catch((error: unknown) => explain(error, args.includes('--verbose')));
