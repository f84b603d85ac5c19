/** The command line. */
import { type Program, runProgram } from '../local/command-line/program.ts';
import { commands } from '../local/commands/all.ts';
import manifest from '../package.json' with { type: 'json' };

const program: Program = { version: manifest.version, commands };

process.exitCode = await runProgram(program, process.argv.slice(2));
