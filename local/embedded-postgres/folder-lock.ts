import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TargetRefused } from '../../src/errors.ts';

/**
 * Makes a data folder this process' own: PGlite does not notice a second server in the same folder, and both
 * would write over each other.
 *
 * @returns what gives the folder back
 * @throws TargetRefused if a living process has it, or if it cannot be written
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const file = join(folder, 'server.pid');
  for (;;) {
    try {
      await makeFolder(folder);
      await writeFile(file, String(process.pid), { flag: 'wx' });
      return () => rm(file, { force: true });
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code !== 'EEXIST')
        throw new TargetRefused(
          `The embedded Postgres cannot write to ${folder} (${message}): make the folder writable or choose another with --store.`,
          { cause },
        );
    }
    const owner = Number(await readFile(file, 'utf8').catch(() => ''));
    if (owner > 0 && isRunning(owner))
      throw new TargetRefused(
        `The embedded Postgres in ${folder} is already run by process ${owner}: wait until it ends, or choose another folder with --store.`,
      );
    // Who was killed could not give it back.
    await rm(file, { force: true });
  }
}

/** mkdir's own `recursive` tries for ever where a folder is there but takes no other, as in /proc (Node 24). */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeFolder(dirname(folder));
    await mkdir(folder, { mode: 0o700 });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
