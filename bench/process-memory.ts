import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { buildAll } from '../local/build.ts';
import { outputOf, startProduct } from './command-line.ts';
import { atMost, count, type Figure } from './figure.ts';
import type { Collection, Setting } from './setting.ts';

const GOAL_GROWTH = 1.1;
/** The peak is the kernel's own; a look this often misses only what grows in a process' last moments. */
const LOOK_MILLISECONDS = 20;

/** In MB, by the step that the process works for; `migrate` is the command's own. */
type Peaks = Map<string, number>;

/** Peak resident memory of each process of a whole `migrate`, for few and for many records of one dimension. */
export async function measureProcessMemory(
  setting: Setting,
  few: Collection,
  many: Collection,
): Promise<Figure[]> {
  await buildAll();
  const [least, most] = [await peaksOf(setting, few), await peaksOf(setting, many)];
  // A small index stands before anybody asks how far it is.
  const both = [...most].filter(([step]) => least.has(step));
  return both.map(([step, peak]) => {
    const before = least.get(step)!;
    return {
      what: `peak memory of ${step}, ${count(many.records)} records of ${count(many.dimension)} dimensions`,
      product: `${Math.round(peak)} MB`,
      beside: `${Math.round(before)} MB with ${count(few.records)} records`,
      ratio: peak / before,
      goal: atMost(GOAL_GROWTH, peak / before, ''),
    };
  });
}

async function peaksOf({ chromaServer, postgres, store }: Setting, { name }: Collection): Promise<Peaks> {
  const command = startProduct([
    ...['migrate', '--source', chromaServer.url, '--target', postgres.url, '--store', store.url],
    ...['--run', `memory-of-${name}`, '--collections', name, '--take-over', '--quiet'],
  ]);
  const peaks: Peaks = new Map();
  const look = () => {
    for (const { step, peakMb } of processesOf(command.pid as number))
      peaks.set(step, Math.max(peaks.get(step) ?? 0, peakMb));
  };
  const timer = setInterval(look, LOOK_MILLISECONDS);
  try {
    await outputOf(command);
  } finally {
    clearInterval(timer);
  }
  return new Map([...peaks].sort(([one], [other]) => one.localeCompare(other)));
}

/** The command and its children (proc(5)), each with the most physical memory that it ever had, in MB. */
function processesOf(command: number): { step: string; peakMb: number }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        const [parent, peak] = [/^PPid:\s+(\d+)$/m, /^VmHWM:\s+(\d+) kB$/m].map((one) =>
          Number(one.exec(status)?.[1]),
        );
        if (Number(pid) !== command && parent !== command) return [];
        return [{ step: Number(pid) === command ? 'migrate' : stepOf(pid), peakMb: (peak ?? 0) / 1024 }];
      } catch {
        // It has ended.
        return [];
      }
    })
    .filter(({ step, peakMb }) => step !== '' && peakMb > 0);
}

/** Out of `node … environment-process.mjs FOLDER HANDLER MEMORY`; empty before the process has become that. */
function stepOf(pid: string): string {
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  const program = words.findIndex((word) => basename(word).startsWith('environment-process.'));
  return program < 0 ? '' : (words[program + 2] ?? '').replace(/\.handler$/, '');
}
