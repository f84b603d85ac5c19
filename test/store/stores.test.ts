import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { startFauxqs } from 'fauxqs';
import { InvalidInput, StoreRefused, StoreUnavailable } from '../../src/errors.ts';
import { FileStore } from '../../src/store/file-store.ts';
import { openStore } from '../../src/store/open-store.ts';
import { S3Store } from '../../src/store/s3-store.ts';
import { ObjectMissing, type ShardStore } from '../../src/store/store.ts';

let folder: string;
let server: Awaited<ReturnType<typeof startFauxqs>>;
let s3: ShardStore;
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stores-'));
  server = await startFauxqs({ port: 0, logger: false });
  const config = { endpoint: server.address, region: 'us-east-1', credentials, forcePathStyle: true };
  await new S3Client(config).send(new CreateBucketCommand({ Bucket: 'shards' }));
  s3 = new S3Store('shards', 'a/prefix', config);
});
after(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

for (const [kind, open] of [
  ['a folder', () => new FileStore(join(folder, randomUUID()))],
  ['S3', () => s3],
] as const)
  describe(`a store in ${kind}`, () => {
    it('gives back the bytes that it was given, and says how many and their checksum', async () => {
      const store = open();
      const bytes = randomBytes(20 * 1024 * 1024);
      const stored = await store.write(
        'runs/x/big.bin',
        Readable.from([bytes.subarray(0, 5), bytes.subarray(5)]),
      );
      assert.equal(stored.bytes, bytes.length);
      assert.equal(stored.crc32, crc32(bytes).toString(16).padStart(8, '0'));
      assert.ok(bytes.equals(await buffer(await store.read('runs/x/big.bin'))));
      let read = 0;
      for await (const piece of await store.readPieces('runs/x/big.bin')) read = crc32(piece, read);
      assert.equal(read, crc32(bytes));
    });

    it('holds an empty object', async () => {
      const store = open();
      await store.write('runs/x/empty.bin', Readable.from([]));
      assert.equal((await buffer(await store.read('runs/x/empty.bin'))).length, 0);
    });

    it('shows nothing of an object whose source broke off, and keeps the source’s error', async () => {
      const store = open();
      const broken = Readable.from(
        (async function* () {
          yield randomBytes(1024);
          throw new RangeError('the source broke off');
        })(),
      );
      await assert.rejects(store.write('runs/x/broken.bin', broken), /the source broke off/);
      assert.equal(await store.exists('runs/x/broken.bin'), false);
      await assert.rejects(store.read('runs/x/broken.bin'), ObjectMissing);
    });

    it('replaces, finds and deletes texts', async () => {
      const store = open();
      assert.equal(await store.readText('runs/x/plan.json'), null);
      await store.writeText('runs/x/plan.json', '{"ü":1}');
      await store.writeText('runs/x/plan.json', '{"ü":2}');
      assert.equal(await store.readText('runs/x/plan.json'), '{"ü":2}');
      assert.equal(await store.exists('runs/x/plan.json'), true);
      await store.delete('runs/x/plan.json');
      await store.delete('runs/x/plan.json');
      assert.equal(await store.exists('runs/x/plan.json'), false);
    });

    it('lets no key out of its root', async () => {
      for (const key of ['../outside', 'runs/../../outside', '/etc/passwd', 'runs//x', 'a\0b'])
        await assert.rejects(open().writeText(key, ''), RangeError, key);
    });
  });

describe('a store that cannot be used', () => {
  it('is refused by a sentence that names it', async () => {
    await writeFile(join(folder, 'file'), '');
    await assert.rejects(new FileStore(join(folder, 'file')).writeText('x/y', ''), StoreRefused);
    const config = { endpoint: server.address, region: 'us-east-1', credentials, forcePathStyle: true };
    await assert.rejects(new S3Store('no-such-bucket', '', config).writeText('x', ''), (error) => {
      assert.ok(error instanceof StoreRefused);
      assert.match(error.message, /s3:\/\/no-such-bucket\/x/);
      return true;
    });
  });

  it('has a name also for an answer that a bad line garbled, and none for what broke before it', async () => {
    const garbling = createServer((request, response) => {
      request
        .resume()
        .on('end', () => response.writeHead(500, { 'content-type': 'application/xml' }).end('<Er&'));
    }).listen(0, '127.0.0.1');
    await once(garbling, 'listening');
    const { port } = garbling.address() as AddressInfo;
    const config = { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', credentials, maxAttempts: 1 };
    const store = new S3Store('a-bucket', '', { ...config, forcePathStyle: true });
    try {
      for (const work of [
        () => store.readText('x'),
        () => store.read('x'),
        () => store.writeText('x', 'y'),
        () => store.write('x', Readable.from([Buffer.from('y')])),
        () => store.exists('x'),
        () => store.delete('x'),
      ])
        await assert.rejects(work(), (error) => {
          assert.ok(error instanceof StoreUnavailable, String(error));
          assert.match(
            error.message,
            /^The store's s3:\/\/a-bucket\/x could not be \w+ \([^\n]+\): run again\.$/,
          );
          return true;
        });
      await assert.rejects(store.write('x', Readable.from(failing())), /^Error: no more$/);
    } finally {
      garbling.close();
    }
  });

  it('leaves no part of an object behind', async () => {
    const store = new FileStore(join(folder, 'parts'));
    await assert.rejects(store.write('a/b', Readable.from(failing())));
    assert.deepEqual(await readdir(join(folder, 'parts', 'a')), []);
  });

  it('is told from a mistyped address', async () => {
    await assert.rejects(openStore('s3://Not_A_Bucket'), InvalidInput);
    await assert.rejects(openStore('https://bucket'), InvalidInput);
    assert.equal((await openStore('s3://bucket/some/prefix')).url, 's3://bucket/some/prefix');
  });
});

async function* failing() {
  yield Buffer.from('x');
  throw new Error('no more');
}
