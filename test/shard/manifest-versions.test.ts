/** What another version of this program has exported is imported, or left as it is: it may be all that there is. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, before, it } from 'node:test';
import type { ShardManifest, ShardObject } from '../../src/contract.ts';
import { COPY_HEADER, COPY_TRAILER } from '../../src/copy/copy-buffer.ts';
import { ShardCorrupt, StoreRefused } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { importShard } from '../../src/shard/import-shard.ts';
import { requireManifest } from '../../src/shard/manifest.ts';
import { sealed } from '../../src/store/json.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { ShardStore } from '../../src/store/store.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { planOf, prepare, startTarget, type TestTarget } from '../postgres/target-run.ts';

let target: TestTarget;
let store: ShardStore;
before(async () => {
  target = await startTarget();
  store = await openStore(await temporaryFolder('manifest-versions-'));
  await prepare(target, planOf('run'));
});
after(() => target.stop());

const SHARD = { run: 'run', schema: 'docs', collection: 'docs', number: 0, manifestKey: 'manifest' };

/** An empty shard with objects as version 1 had them. */
async function putShard(version: number, sha256?: string): Promise<void> {
  const put = async (key: string, bytes: Buffer): Promise<ShardObject> => {
    await store.write(key, Readable.from([bytes]));
    const hash = sha256 ?? createHash('sha256').update(bytes).digest('hex');
    return { key, bytes: bytes.length, sha256: hash };
  };
  const empty = Buffer.concat([COPY_HEADER, COPY_TRAILER]);
  const manifest: Omit<ShardManifest, 'version'> = {
    ...{ run: 'run', schema: 'docs', number: 0, collection: 'docs', collectionId: '', dimension: 4 },
    ...{ format: 'pgcopy', layout: 'guide', content: 'rows', idsHash: '', checksum: '0' },
    ...{ read: 0, written: 0, rejected: 0, vanished: 0 },
    objects: {
      documents: await put('documents', empty),
      embeddings: await put('embeddings', empty),
      digests: await put('digests', Buffer.alloc(0)),
    },
    ...{ startedAt: '2026-11-20T09:15:00Z', finishedAt: '2026-11-20T09:15:01Z' },
  };
  await store.writeText('manifest', sealed({ version, ...manifest }));
}

const importIt = () => importShard({ database: target.database, store, log: silentLog }, SHARD);

it('an object of a manifest of version 1 that is not what its SHA-256 says is refused', async () => {
  await putShard(1, '0'.repeat(64));
  await assert.rejects(importIt(), (error) => error instanceof ShardCorrupt);
});

it('a shard of version 1 is imported', async () => {
  await putShard(1);
  assert.deepEqual(await importIt(), {
    ...{ run: 'run', schema: 'docs', number: 0 },
    loaded: 0,
    skipped: false,
  });
});

it('a manifest of a later version stays where it is', async () => {
  await putShard(3);
  const refused = (error: unknown) => error instanceof StoreRefused && /a later version/.test(error.message);
  await assert.rejects(importIt(), refused);
  await assert.rejects(requireManifest(store, 'manifest'), refused);
  assert.ok(await store.exists('manifest'));
});
