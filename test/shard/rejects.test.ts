import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { crc32 } from 'node:zlib';
import type { Reject, ShardManifest, StoredObject } from '../../src/contract.ts';
import { COPY_HEADER, COPY_TRAILER } from '../../src/copy/copy-buffer.ts';
import { silentLog } from '../../src/log.ts';
import { importShard } from '../../src/shard/import-shard.ts';
import { openStore } from '../../src/store/open-store.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { planOf, prepare, startTarget, type TestTarget } from '../postgres/target-run.ts';

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

test('a rejected record with line and paragraph separators comes to the ledger as Chroma sent it', async () => {
  const store = await openStore(await temporaryFolder('rejects-'));
  await prepare(target, planOf('run'));
  const reject: Reject = {
    id: 'one\u2028two\u2029three',
    offset: 0,
    reason: 'nul-in-document',
    detail: 'The document holds a NUL character, which Postgres text cannot hold.',
    record: '{"id":"one\u2028two\u2029three","document":"\\u0000\u0085"}',
  };
  const put = async (key: string, bytes: Buffer): Promise<StoredObject> => {
    await store.write(key, Readable.from([bytes]));
    return { key, bytes: bytes.length, crc32: crc32(bytes).toString(16).padStart(8, '0') };
  };
  const empty = Buffer.concat([COPY_HEADER, COPY_TRAILER]);
  const manifest: ShardManifest = {
    ...{
      version: 2,
      run: 'run',
      schema: 'docs',
      number: 0,
      collection: 'docs',
      collectionId: '',
      dimension: 4,
      format: 'pgcopy',
      layout: 'guide',
    },
    ...{ content: 'rows', idsHash: '', read: 1, written: 0, rejected: 1, vanished: 0, checksum: '0' },
    objects: {
      documents: await put('documents', empty),
      embeddings: await put('embeddings', empty),
      digests: await put('digests', Buffer.alloc(0)),
      rejects: await put('rejects', Buffer.from(`${JSON.stringify(reject)}\n`)),
    },
    ...{ startedAt: '2026-11-20T09:15:00Z', finishedAt: '2026-11-20T09:15:01Z' },
  };
  await store.writeText('manifest', JSON.stringify(manifest));
  const shard = { run: 'run', schema: 'docs', collection: 'docs', number: 0, manifestKey: 'manifest' };
  await importShard({ database: target.database, store, log: silentLog }, shard);
  assert.deepEqual(await target.rows('select source_id as id, record from chroma_migration.rejects'), [
    { id: reject.id, record: reject.record },
  ]);
});
