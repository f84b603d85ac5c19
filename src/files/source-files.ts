import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { InvalidInput } from '../errors.ts';
import { S3_PLACE } from '../store/open-store.ts';
import type { ShardStore } from '../store/store.ts';

export interface SourceFile {
  key: string;
  /** As they lie there; compressed ones hold more. 0 if it is not known. */
  bytes: number;
}

/** Files of a folder or a bucket's prefix whose names `pattern` fits, in the order of their names. */
export async function listFiles(
  store: ShardStore,
  pattern: RegExp,
  pathStyle: boolean,
): Promise<SourceFile[]> {
  const place = S3_PLACE.exec(store.url);
  const found = place
    ? await listBucket(place[1] as string, place[2] ?? '', pathStyle)
    : await listFolder(store.url);
  return found.filter(({ key }) => pattern.test(key)).sort((a, b) => (a.key < b.key ? -1 : 1));
}

async function listFolder(folder: string): Promise<SourceFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error) => {
    throw new InvalidInput(
      `The folder ${folder} cannot be read (${(error as NodeJS.ErrnoException).code}): correct --source.`,
    );
  });
  return Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const path = resolve(entry.parentPath, entry.name);
        return { key: relative(resolve(folder), path), bytes: (await stat(path)).size };
      }),
  );
}

async function listBucket(bucket: string, prefix: string, pathStyle: boolean): Promise<SourceFile[]> {
  // Loaded only where there is a bucket, as the store does.
  const { ListObjectsV2Command, S3Client } = await import('@aws-sdk/client-s3');
  const client = new S3Client({ forcePathStyle: pathStyle });
  const root = prefix === '' ? '' : `${prefix.replace(/\/+$/, '')}/`;
  const found: SourceFile[] = [];
  let token: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: root, ContinuationToken: token }),
    );
    for (const { Key = '', Size = 0 } of page.Contents ?? [])
      found.push({ key: Key.slice(root.length), bytes: Size });
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return found;
}

/** First bytes of compressed files (RFC 1952, RFC 8878). */
const GZIP = Buffer.from([0x1f, 0x8b]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/**
 * A file's bytes, decompressed by what they begin with and not by the file's name.
 * @param onBytes hears how many were read of the file itself
 * @throws InvalidInput if they cannot be decompressed
 */
export async function* readDecompressed(
  store: ShardStore,
  key: string,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const body = await store.read(key);
  const chunks = counted(body, onBytes);
  const { value: first, done } = await chunks.next();
  if (done) return;
  const decompress = starts(first, GZIP)
    ? createGunzip()
    : starts(first, ZSTD)
      ? createZstdDecompress()
      : null;
  if (!decompress) {
    yield first;
    yield* chunks;
    return;
  }
  feed(first, chunks, decompress).catch((error) => decompress.destroy(error as Error));
  try {
    yield* decompress as AsyncIterable<Buffer>;
  } catch (error) {
    if (!/^(Z_|ZSTD_|ERR_Z|ERR__)/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw new InvalidInput(
      `${store.urlOf(key)} cannot be decompressed (${(error as Error).message}): copy it again from where it was made.`,
      { cause: error },
    );
  } finally {
    body.destroy();
  }
}

async function* counted(body: Readable, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of body as AsyncIterable<Buffer>) {
    onBytes(chunk.length);
    yield chunk;
  }
}

async function feed(first: Buffer, rest: AsyncIterable<Buffer>, into: Duplex): Promise<void> {
  into.write(first);
  for await (const chunk of rest) {
    if (into.destroyed) return;
    if (!into.write(chunk)) await Promise.race([once(into, 'drain'), once(into, 'close')]);
  }
  into.end();
}

const starts = (bytes: Buffer, magic: Buffer) => bytes.subarray(0, magic.length).equals(magic);
