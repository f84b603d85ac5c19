import type { Command } from '../command-line/command.ts';
import { bench } from './bench.ts';
import { demo } from './demo.ts';
import { exportCommand } from './export.ts';
import { importCommand } from './import.ts';
import { migrate } from './migrate.ts';
import { plan } from './plan.ts';
import { redrive } from './redrive.ts';
import { report } from './report.ts';
import { rollback } from './rollback.ts';
import { search } from './search.ts';
import { start } from './start.ts';
import { status } from './status.ts';
import { switchCommand } from './switch.ts';
import { test } from './test.ts';
import { tune } from './tune.ts';
import { verify } from './verify.ts';
import { watch } from './watch.ts';

/** All commands; the first one runs where none is named. Each command's own options are known to it alone. */
export const commands = [
  ...[demo, migrate, plan, exportCommand, importCommand],
  ...[verify, test, search, tune, bench, switchCommand, rollback],
  ...[start, watch, redrive, status, report],
] as unknown as [Command, ...Command[]];
