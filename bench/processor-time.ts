import { readFile } from 'node:fs/promises';
import { median } from './in-turns.ts';

/** Clock ticks a second of /proc/PID/stat (proc(5); USER_HZ is 100 on every Linux of today). */
const TICKS = 100;

/** The user and system time of a process of this machine, all its threads; null if it is not here or is no `name`. */
export async function processorSeconds(pid: number, name = ''): Promise<number | null> {
  const fields = await statOf(pid, name);
  return fields && (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** The process that has started this one; null if this one is not here or is no `name`. */
export async function parentOf(pid: number, name: string): Promise<number | null> {
  const fields = await statOf(pid, name);
  return fields && Number(fields[1]);
}

/** Fields of proc(5)'s stat from the third on: what stands before may hold spaces. */
async function statOf(pid: number, name: string): Promise<string[] | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  if (stat === '' || !stat.includes(`(${name}`)) return null;
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** What processes work for, in seconds of processor time, of any number of runs. */
export class ProcessorTimes {
  readonly #runs = new Map<string, (number | null)[]>();

  /** Notes what the processes work for meanwhile. A first run that warms them is in it. */
  async of(name: string, pids: readonly number[], work: () => Promise<unknown>): Promise<void> {
    const before = await sum(pids);
    await work();
    const after = await sum(pids);
    const runs = this.#runs.get(name) ?? [];
    this.#runs.set(name, [...runs, before === null || after === null ? null : after - before]);
  }

  /** Null where the system does not tell. */
  median(name: string): number | null {
    const runs = this.#runs.get(name) ?? [];
    return runs.length === 0 || runs.includes(null) ? null : median(runs as number[]);
  }
}

async function sum(pids: readonly number[]): Promise<number | null> {
  const seconds = await Promise.all(pids.map((pid) => processorSeconds(pid)));
  return seconds.includes(null) ? null : (seconds as number[]).reduce((all, one) => all + one, 0);
}
