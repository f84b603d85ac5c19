/** A folder of Chroma's own PersistentClient as a source: a server runs on a copy, the folder is only read. */
import { rmSync } from 'node:fs';
import { constants, cp, mkdtemp, readdir, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SourceUnavailable } from '../src/errors.ts';
import { startEmbeddedChroma } from './embedded-chroma/start.ts';

export interface ServedSource {
  /** Address of the server. */
  url: string;
  stop(): Promise<void>;
}

/**
 * The address of a source: its own, or that of a server on a copy of the folder. Chroma's server brings a folder of an
 * older release to its own form and keeps journals in it, so it never sees the folder itself.
 */
export async function serveSource(source: string): Promise<ServedSource> {
  if (/^https?:/.test(source)) return { url: source, stop: async () => undefined };
  const copy = await copyOf(source);
  const remove = () => rmSync(copy, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    const server = await startEmbeddedChroma({ folder: copy });
    return {
      url: server.url,
      async stop() {
        await server.stop();
        process.off('exit', remove);
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** @throws SourceUnavailable if there is no room for it, or somebody writes to the folder */
async function copyOf(folder: string): Promise<string> {
  const before = await filesOf(folder);
  const bytes = before.reduce((sum, file) => sum + file.size, 0);
  const room = await statfs(tmpdir());
  if (room.bavail * room.bsize < bytes)
    throw new SourceUnavailable(
      `The folder ${folder} is read from a copy of ${bytes} bytes, and ${tmpdir()} has no room for it: set TMPDIR to a folder on a larger disk.`,
    );
  const copy = await mkdtemp(join(tmpdir(), 'chroma-to-pgvector-source-'));
  try {
    // Where the file system can, the copy shares the blocks of the original.
    await cp(folder, copy, { recursive: true, mode: constants.COPYFILE_FICLONE, preserveTimestamps: true });
    if (JSON.stringify(await filesOf(folder)) !== JSON.stringify(before))
      throw new SourceUnavailable(
        `The folder ${folder} changed while it was copied: end the program that writes to it, then run again.`,
      );
    return copy;
  } catch (error) {
    rmSync(copy, { recursive: true, force: true });
    throw error;
  }
}

async function filesOf(folder: string): Promise<{ path: string; size: number; changed: number }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    paths.sort().map(async (path) => {
      const { size, mtimeMs } = await stat(path);
      return { path, size, changed: mtimeMs };
    }),
  );
}
