import { constants, copyFileSync, existsSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Puts a text in a file's place: whoever reads it meanwhile has the old or the new, never half of one. The former file
 * is kept beside it, and none that was kept before is overwritten.
 *
 * @returns where the former file is; null if there was none
 */
export async function replaceFile(path: string, text: string): Promise<string | null> {
  mkdirSync(dirname(path), { recursive: true });
  // A link goes on to point at the file.
  const file = existsSync(path) ? realpathSync(path) : path;
  const mode = existsSync(file) ? statSync(file).mode & 0o777 : 0o644;
  const kept = existsSync(file) ? keep(file) : null;
  const beside = `${file}.${process.pid}.new`;
  try {
    const handle = await open(beside, 'wx', mode);
    try {
      await handle.chmod(mode);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  return kept;
}

function keep(file: string): string {
  for (let number = 1; ; number++) {
    const kept = `${file}.before-switch${number === 1 ? '' : `-${number}`}`;
    try {
      copyFileSync(file, kept, constants.COPYFILE_EXCL);
      return kept;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
