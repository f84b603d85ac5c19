/** The command line: which commands there are. */
import type { Command } from '../local/command-line/command.ts';
import { type Program, runProgram } from '../local/command-line/program.ts';
import { bench } from '../local/commands/bench.ts';
import { demo } from '../local/commands/demo.ts';
import { exportCommand } from '../local/commands/export.ts';
import { importCommand } from '../local/commands/import.ts';
import { migrate } from '../local/commands/migrate.ts';
import { plan } from '../local/commands/plan.ts';
import { rollback } from '../local/commands/rollback.ts';
import { tune } from '../local/commands/tune.ts';
import { verify } from '../local/commands/verify.ts';
import manifest from '../package.json' with { type: 'json' };

// Each command's own options are known to it alone.
const commands = [
  ...[demo, migrate, plan, exportCommand, importCommand],
  ...[verify, tune, bench, rollback],
] as unknown as [Command, ...Command[]];
const program: Program = { version: manifest.version, commands };

process.exitCode = await runProgram(program, process.argv.slice(2));
