import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { type OracleRecord, recordsOfChroma } from '../fixtures/oracle.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { ChromaProxy } from './chroma-proxy.ts';
import { FaultyPostgres } from './postgres.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** 64 dimensions of 4 bytes in shards of 64 KiB: 256 records a shard. */
export const SHARD_BYTES = 64 * 1024;
const BUCKET = 'shards';

/**
 * Two servers whose collections have the same names and hold other records: each run replaces what another has
 * published, so tables that hold neither are seen.
 */
const SOURCES = [
  { docs: 900, notes: 120, seed: 11 },
  { docs: 850, notes: 110, seed: 12 },
];

export interface Source {
  chroma: TestChroma;
  proxy: TcpProxy;
  moods: ChromaProxy;
  /** By schema, what must arrive. */
  records: Record<string, Map<string, OracleRecord>>;
}

/** Objects of a run, past all proxies. */
export interface StoreHand {
  keys(run: string): Promise<string[]>;
  read(key: string): Promise<Buffer>;
  write(key: string, bytes: Buffer): Promise<void>;
  remove(key: string): Promise<void>;
}

/** The servers of one worker and the bad networks before them. All runs of the worker use them. */
export class World {
  readonly postgres: FaultyPostgres;
  readonly postgresProxy: TcpProxy;
  readonly sources: readonly Source[];
  readonly folder: string;
  readonly #s3: FauxqsServer;
  readonly s3Proxy: TcpProxy;

  private constructor(
    parts: Pick<World, 'postgres' | 'postgresProxy' | 'sources' | 'folder' | 's3Proxy'> & {
      s3: FauxqsServer;
    },
  ) {
    this.postgres = parts.postgres;
    this.postgresProxy = parts.postgresProxy;
    this.sources = parts.sources;
    this.folder = parts.folder;
    this.s3Proxy = parts.s3Proxy;
    this.#s3 = parts.s3;
  }

  static async make(databaseUrl: string): Promise<World> {
    const postgres = await FaultyPostgres.prepare(databaseUrl);
    const s3 = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
    const world = new World({
      postgres,
      postgresProxy: await TcpProxy.start({ host: '127.0.0.1', port: postgres.port }),
      sources: await Promise.all(SOURCES.map(makeSource)),
      folder: await temporaryFolder('faults-'),
      s3Proxy: await TcpProxy.start({ host: '127.0.0.1', port: s3.port }),
      s3,
    });
    await world.#client().send(new CreateBucketCommand({ Bucket: BUCKET }));
    return world;
  }

  get target(): string {
    return this.postgres.migratorUrl(this.postgresProxy.port);
  }

  /** Where a run's shards lie, and what its processes need to get there. */
  storeOf(kind: 'folder' | 's3'): { url: string; environment: Record<string, string>; hand: StoreHand } {
    if (kind === 'folder')
      return { url: join(this.folder, 'store'), environment: {}, hand: this.#folderHand() };
    const environment = { ...CREDENTIALS, AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${this.s3Proxy.port}` };
    return { url: `s3://${BUCKET}`, environment, hand: this.#s3Hand() };
  }

  /** All is well again, for the next attempt. */
  async heal(): Promise<void> {
    for (const proxy of [this.postgresProxy, this.s3Proxy, ...this.sources.map(({ proxy }) => proxy)])
      proxy.weather = { kind: 'fair' };
    for (const { moods } of this.sources) moods.mood = { kind: 'well' };
    await this.postgres.heal();
  }

  async stop(): Promise<void> {
    await Promise.all([
      ...this.sources.flatMap(({ chroma, proxy, moods }) => [proxy.stop(), moods.stop(), chroma.stop()]),
      ...[this.postgresProxy.stop(), this.s3Proxy.stop(), this.#s3.stop()],
    ]);
  }

  #folderHand(): StoreHand {
    const root = join(this.folder, 'store');
    return {
      async keys(run) {
        const options = { recursive: true, withFileTypes: true } as const;
        const found = await readdir(join(root, 'runs', run), options).catch(() => []);
        return found
          .filter((one) => one.isFile() && !one.name.endsWith('.part'))
          .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1))
          .sort();
      },
      read: (key) => readFile(join(root, key)),
      // In its place, as a disk that fails does it.
      async write(key, bytes) {
        await truncate(join(root, key), 0);
        await writeFile(join(root, key), bytes, { flag: 'r+' });
      },
      remove: (key) => rm(join(root, key), { force: true }),
    };
  }

  #client(): S3Client {
    return new S3Client({
      endpoint: `http://127.0.0.1:${this.#s3.port}`,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: {
        accessKeyId: CREDENTIALS.AWS_ACCESS_KEY_ID,
        secretAccessKey: CREDENTIALS.AWS_SECRET_ACCESS_KEY,
      },
    });
  }

  #s3Hand(): StoreHand {
    const client = this.#client();
    return {
      async keys(run) {
        const { Contents = [] } = await client.send(
          new ListObjectsV2Command({ Bucket: BUCKET, Prefix: `runs/${run}/` }),
        );
        return Contents.map(({ Key }) => Key as string).sort();
      },
      async read(Key) {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
        return Buffer.from((await Body?.transformToByteArray()) ?? []);
      },
      async write(Key, Body) {
        await client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }));
      },
      async remove(Key) {
        await client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key }));
      },
    };
  }
}

const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret', AWS_REGION: 'us-east-1' };

async function makeSource({ docs, notes, seed }: (typeof SOURCES)[number]): Promise<Source> {
  const chroma = await startTestChroma();
  const ids = {
    docs: await fillCollection(chroma.url, { name: 'docs', dimension: 64, records: docs, seed }),
    notes: await fillCollection(chroma.url, {
      name: 'notes',
      dimension: 16,
      records: notes,
      seed,
      space: 'ip',
    }),
  };
  const moods = await ChromaProxy.start(chroma.url);
  return {
    chroma,
    moods,
    proxy: await TcpProxy.start({ host: '127.0.0.1', port: moods.port }),
    records: {
      docs: await recordsOfChroma(chroma.url, ids.docs),
      notes: await recordsOfChroma(chroma.url, ids.notes),
    },
  };
}
