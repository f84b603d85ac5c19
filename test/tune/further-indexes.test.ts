import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { furtherIndex, metadataIndexName, parseWantedIndex } from '../../src/tune/further-indexes.ts';
import { type LiveMetadataKey, suggestIndexes } from '../../src/tune/metadata-keys.ts';

const today = new Date('2026-11-24T23:30:00Z');

describe('a further index', () => {
  it('is asked for by its name, and a wrong one says what there is', () => {
    assert.deepEqual(parseWantedIndex('language'), { kind: 'language' });
    assert.deepEqual(parseWantedIndex('recent'), { kind: 'recent', days: 30 });
    assert.deepEqual(parseWantedIndex('recent=7'), { kind: 'recent', days: 7 });
    assert.deepEqual(parseWantedIndex('metadata=a=b'), { kind: 'metadata', key: 'a=b' });
    for (const wrong of [
      '',
      'language=en',
      'recent=0',
      'recent=x',
      'metadata',
      'metadata=',
      'metadata=a\u0000',
    ])
      assert.throws(() => parseWantedIndex(wrong), /^Error: is /, wrong);
  });

  it('of recent documents begins at a fixed day, and says why the guide’s does not', () => {
    const { ddl, reason } = furtherIndex({ kind: 'recent', days: 30 }, 'docs', { today, numeric: false });
    assert.match(ddl, /where created_at > timestamptz '2026-10-25 00:00:00\+00'$/);
    assert.match(reason, /IMMUTABLE/);
    assert.doesNotMatch(ddl, /now|current_/i);
  });

  it('quotes the schema and the key, whatever they are called', () => {
    const { ddl } = furtherIndex({ kind: 'metadata', key: "it's" }, 'a"b', { today, numeric: false });
    assert.ok(ddl.includes(`on "a""b"."documents" ((metadata ->> 'it''s'))`), ddl);
  });

  it('on a metadata key has a name that Postgres does not cut, another for each key', () => {
    const keys = ['topic', 'Topic', 'to pic', 'to_pic', 'x'.repeat(80), 'x'.repeat(81)];
    const names = keys.map(metadataIndexName);
    assert.equal(new Set(names).size, keys.length);
    assert.equal(names[0], 'idx_documents_metadata_topic');
    for (const name of names) assert.match(name, /^[a-z0-9_]{1,63}$/);
  });
});

describe('an index is suggested', () => {
  const key = (different: Partial<LiveMetadataKey>): LiveMetadataKey => ({
    ...{ key: 'topic', types: ['string'], share: 1, values: 200, longestBytes: 20 },
    ...different,
  });
  const suggested = (keys: LiveMetadataKey[], records = 100_000, existing: string[] = []) =>
    suggestIndexes({ schema: 'docs', records }, keys, new Set(existing)).map(({ option }) => option);

  it('for a key that most records have and that tells them apart, the most telling first', () => {
    const keys = [key({}), key({ key: 'year', types: ['number'], values: 900 })];
    assert.deepEqual(suggested(keys), ['metadata=year', 'metadata=topic']);
  });

  it('not where it would not help, could not be built, or stands', () => {
    const useless = [
      key({ share: 0.2 }),
      key({ values: 3 }),
      key({ types: ['number', 'string'] }),
      key({ types: ['array'] }),
      key({ longestBytes: 5000 }),
      key({ key: 'file_path' }),
    ];
    assert.deepEqual(suggested(useless), []);
    assert.deepEqual(suggested([key({})], 500), [], 'a small table is scanned at once');
    assert.deepEqual(suggested([key({})], 100_000, ['idx_documents_metadata_topic']), []);
  });
});
