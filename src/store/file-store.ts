import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, type FileHandle, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { StoredObject } from '../contract.ts';
import { StoreRefused, StoreUnavailable } from '../errors.ts';
import { MeasuredBody } from './measured-body.ts';
import { checkKey, ObjectMissing, type ShardStore } from './store.ts';

/** Bytes that are read at a time. */
const PIECE_BYTES = 256 * 1024;

/** A store in a folder. Objects are written beside their place and renamed into it, so they appear whole. */
export class FileStore implements ShardStore {
  readonly url: string;
  readonly #root: string;

  constructor(folder: string) {
    this.#root = resolve(folder);
    this.url = this.#root;
  }

  async write(key: string, body: AsyncIterable<Buffer>): Promise<StoredObject> {
    return this.#place(key, async (temporary) => {
      const measured = new MeasuredBody(body);
      const file = await open(temporary, 'wx');
      try {
        await file.writeFile(measured);
        // A manifest must not outlive the objects that it names: they reach the disk before it is written.
        await file.datasync();
      } finally {
        await file.close();
      }
      return measured.stored(key);
    });
  }

  async writeText(key: string, text: string | Buffer): Promise<void> {
    await this.#place(key, (temporary) => writeFile(temporary, text, { flag: 'wx', flush: true }));
  }

  async read(key: string): Promise<Readable> {
    const fd = await this.#open(key);
    return createReadStream('', { fd, highWaterMark: PIECE_BYTES });
  }

  async readPieces(key: string): Promise<AsyncIterable<Buffer>> {
    return pieces(await this.#open(key), this.urlOf(key));
  }

  async readText(key: string): Promise<string | null> {
    try {
      return await readFile(this.#path(key), 'utf8');
    } catch (error) {
      if (isMissing(error)) return null;
      throw storeError(this.urlOf(key), 'read', error);
    }
  }

  async exists(key: string): Promise<boolean> {
    return access(this.#path(key)).then(
      () => true,
      () => false,
    );
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  urlOf(key: string): string {
    return this.#path(key);
  }

  async #open(key: string): Promise<FileHandle> {
    try {
      return await open(this.#path(key));
    } catch (error) {
      if (isMissing(error)) throw new ObjectMissing(this.urlOf(key));
      throw storeError(this.urlOf(key), 'read', error);
    }
  }

  #path(key: string): string {
    return join(this.#root, checkKey(key));
  }

  async #place<T>(key: string, fill: (temporary: string) => Promise<T>): Promise<T> {
    const path = this.#path(key);
    const temporary = `${path}.${randomUUID()}.part`;
    try {
      await mkdir(dirname(path), { recursive: true });
      const result = await fill(temporary);
      await rename(temporary, path);
      return result;
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw storeError(path, 'written', error);
    }
  }
}

/** All pieces in the same memory: new memory for each was half of the importer's processor time, in full collections. */
async function* pieces(file: FileHandle, path: string): AsyncGenerator<Buffer> {
  const memory = Buffer.allocUnsafeSlow(PIECE_BYTES);
  try {
    for (;;) {
      const { bytesRead } = await file.read(memory, 0, PIECE_BYTES).catch((error) => {
        throw storeError(path, 'read', error);
      });
      if (bytesRead === 0) return;
      yield memory.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

const isMissing = (error: unknown) => (error as NodeJS.ErrnoException)?.code === 'ENOENT';

const REMEDIES: Record<string, string> = {
  EACCES: 'give this user permission, or choose another folder with --store',
  EPERM: 'give this user permission, or choose another folder with --store',
  EROFS: 'the file system is read-only; choose another folder with --store',
  ENOTDIR: 'a file stands in the way; choose another folder with --store',
  EEXIST: 'a file stands in the way; choose another folder with --store',
  EISDIR: 'a folder stands in the way; choose another folder with --store',
  ENOSPC: 'the disk is full; free some space or choose another folder with --store, then run again',
  EDQUOT: 'the quota is used up; free some space or choose another folder with --store, then run again',
  ENAMETOOLONG: 'the path is too long; choose a shorter folder with --store',
};

/** Only errors of the file system are the store's; one that came down the stream keeps its own name. */
function storeError(path: string, verb: 'read' | 'written', error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const remedy = REMEDIES[code];
  if (remedy)
    return new StoreRefused(`The store's ${path} cannot be ${verb} (${code}): ${remedy}.`, { cause: error });
  return new StoreUnavailable(`The store's ${path} could not be ${verb} (${code}): run again.`, {
    cause: error,
  });
}
