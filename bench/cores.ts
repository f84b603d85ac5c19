import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';

/** Where server and exporter run, so that neither takes the other's time. */
export const SERVER_CORE = 0;
export const EXPORTER_CORE = 1;

/** Pins a process and all its threads to one core. @returns whether this machine can */
export async function pin(pid: number, core: number): Promise<boolean> {
  if (availableParallelism() < 2) return false;
  return taskset(String(core), pid);
}

/** Lets a process run on all cores again. */
export async function unpin(pid: number): Promise<void> {
  await taskset(`0-${availableParallelism() - 1}`, pid);
}

async function taskset(cores: string, pid: number): Promise<boolean> {
  return promisify(execFile)('taskset', ['-a', '-c', '-p', cores, String(pid)]).then(
    () => true,
    () => false,
  );
}
