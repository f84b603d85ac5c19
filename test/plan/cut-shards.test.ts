import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { cutShards, pageSize, storedRecordBytes } from '../../src/plan/cut-shards.ts';

const profile = {
  sampled: 10,
  averageDocumentBytes: 400,
  averageMetadataBytes: 100,
  averageIdBytes: 36,
  metadataKeys: [],
};
const MB = 1024 * 1024;

describe('shards', () => {
  it('cover every record once, in order, none larger than asked', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3_000_000 }),
        fc.integer({ min: 1, max: 16_000 }),
        fc.integer({ min: MB, max: 256 * MB }),
        (records, dimension, shardBytes) => {
          let next = 0;
          for (const [index, cut] of cutShards(records, dimension, profile, shardBytes).entries()) {
            assert.equal(cut.number, index);
            assert.equal(cut.offset, next);
            assert.ok(cut.records >= 1);
            assert.ok(cut.records === 1 || cut.records * storedRecordBytes(dimension, profile) <= shardBytes);
            next += cut.records;
          }
          assert.equal(next, records);
        },
      ),
    );
  });

  it('of 64 MB hold about ten thousand records of 1,536 dimensions', () => {
    const [first] = cutShards(100_000, 1536, profile, 64 * MB);
    assert.ok(first!.records > 9_000 && first!.records < 11_000, String(first!.records));
  });

  it('are read in pages that fit the memory, whatever the dimension', () => {
    for (const dimension of [1, 3, 384, 1536, 4096, 16_000]) {
      const size = pageSize(dimension, profile);
      assert.ok(size >= 1 && size <= 1000);
      assert.ok(size * dimension * 12 <= 5 * MB, `${dimension}: ${size}`);
    }
  });
});
