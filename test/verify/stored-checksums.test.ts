import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreUnavailable } from '../../src/errors.ts';
import { ObjectDamaged, ObjectMissing, type ShardStore } from '../../src/store/store.ts';
import { storedChecksums } from '../../src/verify/stored-checksums.ts';

/** Two records of 24 bytes with the digests 2^64 - 1 and 3. */
const DIGESTS = Buffer.concat([Buffer.alloc(16), Buffer.alloc(8, 0xff), Buffer.alloc(23), Buffer.of(3)]);

/** A store of one object, of which only reading is of interest: each try ends in the next of these. */
const storeThatGives = (...tries: (Buffer | Error)[]) =>
  ({
    async readPieces() {
      const next = tries.length > 1 ? tries.shift() : tries[0];
      return (async function* () {
        if (!Buffer.isBuffer(next)) throw next;
        // Cut in the middle of a record.
        yield next.subarray(0, 30);
        yield next.subarray(30);
      })();
    },
  }) as Partial<ShardStore> as ShardStore;

const checksumOf = async (store: ShardStore) =>
  (await storedChecksums(store, ['digests.bin'])).get('digests.bin');

test('the digests of an object are summed up modulo 2^64, however its bytes come', async () => {
  assert.equal(await checksumOf(storeThatGives(DIGESTS)), '2');
});

test('the pieces may end anywhere in a record, and be shorter than one', async () => {
  const digests = Array.from({ length: 50 }, (_, at) => BigInt(at) * 0x0123456789abcdefn);
  const object = Buffer.concat(
    digests.map((digest) => {
      const record = Buffer.alloc(24, 0xff);
      record.writeBigUInt64BE(BigInt.asUintN(64, digest), 16);
      return record;
    }),
  );
  const sum = digests.reduce((one, other) => BigInt.asUintN(64, one + other)).toString();
  for (let length = 1; length <= 100; length++) {
    const store = {
      async readPieces() {
        return (async function* () {
          // All pieces come in the same memory.
          const memory = Buffer.alloc(length);
          for (let at = 0; at < object.length; at += length)
            yield memory.subarray(0, object.copy(memory, 0, at, at + length));
        })();
      },
    } as Partial<ShardStore> as ShardStore;
    assert.equal(await checksumOf(store), sum, `pieces of ${length} bytes`);
  }
});

test('an object that is lost, or damaged each time, has no sum, and is no reason to fail', async () => {
  assert.equal(await checksumOf(storeThatGives(new ObjectMissing('digests.bin'))), null);
  assert.equal(await checksumOf(storeThatGives(new ObjectDamaged('Checksum mismatch'))), null);
});

test('an object that came damaged once is read again', async () => {
  assert.equal(await checksumOf(storeThatGives(new ObjectDamaged('Checksum mismatch'), DIGESTS)), '2');
});

test('a store that is away has not lost anything', async () => {
  await assert.rejects(checksumOf(storeThatGives(new StoreUnavailable('no answer'))), StoreUnavailable);
});
