import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredObject } from '../../src/contract.ts';
import { StoreRefused } from '../../src/errors.ts';
import { ObjectWriter } from '../../src/shard/object-writer.ts';
import type { ShardStore } from '../../src/store/store.ts';

const MEGABYTE = Buffer.alloc(1 << 20);

/** A store with room for so many bytes, which tidies up for a moment before it says that it is full. */
const storeWithRoom = (room: number) =>
  ({
    async write(_key: string, body: AsyncIterable<Buffer>): Promise<StoredObject> {
      let taken = 0;
      const disk = new Writable({
        write(chunk: Buffer, _encoding, done) {
          taken += chunk.length;
          done(taken > room ? new Error('ENOSPC') : null);
        },
      });
      try {
        await pipeline(body, disk);
      } catch (cause) {
        await sleep(50);
        throw new StoreRefused('The disk is full.', { cause });
      }
      return { key: '', bytes: taken, crc32: '' };
    },
  }) as unknown as ShardStore;

describe('an object that is written piece by piece', () => {
  // It once waited for ever: the stream is closed before the store says why.
  it('ends with what the store says when that has no room left', { timeout: 10_000 }, async () => {
    for (const room of [0, 1, 4, 5, 9].map((megabytes) => megabytes << 20)) {
      const writer = new ObjectWriter(storeWithRoom(room), 'key');
      const all = async () => {
        for (let written = 0; written < 20; written++) await writer.write(MEGABYTE);
        await writer.finish();
      };
      await assert.rejects(all(), StoreRefused);
      await assert.rejects(writer.write(MEGABYTE), StoreRefused);
      await writer.abort(new Error('given up'));
    }
  });

  it('is whole when the store has room', async () => {
    const writer = new ObjectWriter(storeWithRoom(20 << 20), 'key');
    for (let written = 0; written < 20; written++) await writer.write(MEGABYTE);
    assert.equal((await writer.finish()).bytes, 20 << 20);
  });
});
