import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import type pg from 'pg';
import { parentOf } from './processor-time.ts';

/** Where a server and those who read from it or write to it run, so that neither takes the other's time. */
export const SERVER_CORE = 0;
export const CLIENT_CORE = 1;

/** Pins a process and all its threads to one core. @returns whether this machine can */
export async function pin(pid: number, core: number): Promise<boolean> {
  if (availableParallelism() < 2) return false;
  return taskset(String(core), pid);
}

/** Lets a process run on all cores again. */
export async function unpin(pid: number): Promise<void> {
  await taskset(`0-${availableParallelism() - 1}`, pid);
}

/**
 * Pins a Postgres server to one core: all its processes, and with the one that starts them those to come.
 *
 * @returns lets them run on all cores again; null if the server is not on this machine, or others may not pin it
 */
export async function pinPostgres(client: pg.Client, core: number): Promise<(() => Promise<void>) | null> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const postmaster = await parentOf(rows[0]!.pid, 'postgres');
  if (postmaster === null) return null;
  const all = async () => {
    const children = await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').catch(
      () => '',
    );
    return [postmaster, ...children.split(' ').filter(Boolean).map(Number)];
  };
  for (const pid of await all()) if (!(await pin(pid, core))) return null;
  return async () => {
    for (const pid of await all()) await unpin(pid);
  };
}

async function taskset(cores: string, pid: number): Promise<boolean> {
  return promisify(execFile)('taskset', ['-a', '-c', '-p', cores, String(pid)]).then(
    () => true,
    () => false,
  );
}
