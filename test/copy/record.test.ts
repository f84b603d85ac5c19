/** Each reason of docs/awkward-data.md for which a record cannot arrive as it is, and what stands just on the other side. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scanPage } from '../../src/chroma/scan-page.ts';
import type { RejectReason } from '../../src/contract.ts';
import { ShardEncoder } from '../../src/copy/shard-encoder.ts';

interface Sent {
  id?: string;
  embedding?: string;
  document?: string;
  uri?: string;
  metadata?: string;
}

/** What is made of one record between two sound ones; JSON texts. @returns its reject, if it is one */
function encoded(sent: Sent, dimension = 3) {
  const sound = `[${new Array(dimension).fill('0.5')}]`;
  const { id = '"it"', embedding = sound, document = 'null', uri = 'null', metadata = 'null' } = sent;
  const page = scanPage(
    Buffer.from(
      `{"ids":["before",${id},"after"],"embeddings":[${sound},${embedding},${sound}],"documents":[null,${document},""],
        "uris":[null,${uri},null],"metadatas":[{},${metadata},null]}`,
    ),
  );
  const collectionId = '6d1b6a8e-3f59-4d5f-9c5b-0a6a5d0e5a11';
  const { rejects, written } = new ShardEncoder(
    { collectionId, dimension, layout: 'guide' },
    'pgcopy',
  ).encode(page, 10);
  assert.equal(written + rejects.length, 3);
  const [reject = null, ...others] = rejects;
  assert.deepEqual(others, [], 'its neighbours arrive');
  if (!reject) return null;
  assert.equal(reject.offset, 11);
  assert.equal(
    reject.record,
    `{"id":${id},"document":${document},"metadata":${metadata},"uri":${uri},"embedding":${embedding}}`,
    'the record is kept as it was sent',
  );
  return reject;
}

const vector = (dimension: number, first: string) => `[${[first, ...new Array(dimension - 1).fill('1')]}]`;
const nested = (value: string) => `{"k":${value}}`;

const REJECTED: Record<string, [RejectReason, Sent, number?]> = {
  'NUL in the id': ['nul-in-id', { id: String.raw`"a\u0000"` }],
  'NUL in the document': ['nul-in-document', { document: String.raw`"\u0000"` }],
  'NUL in the uri': ['nul-in-uri', { uri: String.raw`"\\\u0000"` }],
  'NUL in a list of the metadata': ['nul-in-metadata', { metadata: nested(String.raw`["a","\u0000"]`) }],
  'NUL in a key': ['nul-in-metadata', { metadata: String.raw`{"\u0000":1}` }],
  'half of a surrogate pair in the id': ['lone-surrogate', { id: String.raw`"\ud83d"` }],
  'the wrong half in the document': ['lone-surrogate', { document: String.raw`"\ude00 and more"` }],
  'two halves in the wrong order in the uri': ['lone-surrogate', { uri: String.raw`"\ude00\ud83d"` }],
  'half of a pair in the metadata': ['lone-surrogate', { metadata: nested(String.raw`"\udfff"`) }],
  'half of a pair in a key': ['lone-surrogate', { metadata: String.raw`{"\ud800":1}` }],
  'a component that is null': ['embedding-not-finite', { embedding: '[1,null,2]' }],
  'a component beyond float32': ['embedding-not-finite', { embedding: '[1,2,-3.5e38]' }],
  'a component beyond float64': ['embedding-not-finite', { embedding: '[1e999,1,2]' }],
  'no vector': ['embedding-missing', { embedding: 'null' }],
  'a vector of no components': ['wrong-dimension', { embedding: '[]' }],
  'a component too few': ['wrong-dimension', { embedding: '[1,2]' }],
  'a component too many': ['wrong-dimension', { embedding: '[1,2,3,4]' }],
  '65,520 in an index of half precision': ['too-large-for-index', { embedding: vector(2001, '65520') }, 2001],
  '−65,520 in the widest of them': ['too-large-for-index', { embedding: vector(4000, '-65520.0') }, 4000],
  'a number beyond numeric': ['metadata-too-large', { metadata: nested('1e20000') }],
  'a number with more decimals than numeric has': ['metadata-too-large', { metadata: nested('1e-20000') }],
};

const ARRIVES: Record<string, [Sent, number?]> = {
  'a backslash before u0000': [{ document: String.raw`"\\u0000"`, id: String.raw`"\\u0000"` }],
  'both halves of a pair': [
    { document: String.raw`"\ud83d\ude00"`, metadata: String.raw`{"\ud83d\ude00":"\uffff"}` },
  ],
  'the largest float32': [{ embedding: '[3.4028235e38,-3.4028235e38,1e-45]' }],
  '65,519 in an index of half precision': [{ embedding: vector(2001, '65519') }, 2001],
  '65,520 where the index is of full precision': [{ embedding: vector(2000, '65520') }, 2000],
  '65,520 where the index is of signs': [{ embedding: vector(4001, '65520') }, 4001],
  'the largest and the smallest float64': [{ metadata: nested('[1.7976931348623157e308,5e-324]') }],
  'a text that is empty and one that is not there': [{ document: '""', uri: 'null', metadata: '{}' }],
};

describe('a record is rejected, with its reason and the bytes that came, for', () => {
  for (const [what, [reason, sent, dimension]] of Object.entries(REJECTED))
    it(what, () => assert.equal(encoded(sent, dimension)?.reason, reason));
});

describe('a record arrives with', () => {
  for (const [what, [sent, dimension]] of Object.entries(ARRIVES))
    it(what, () => assert.equal(encoded(sent, dimension), null));
});

describe('a page without any embeddings', () => {
  it('is of records that have none', () => {
    const page = scanPage(Buffer.from('{"ids":["a","b"],"embeddings":null}'));
    const collectionId = '6d1b6a8e-3f59-4d5f-9c5b-0a6a5d0e5a11';
    const { rejects } = new ShardEncoder({ collectionId, dimension: 3, layout: 'guide' }, 'pgcopy').encode(
      page,
      0,
    );
    assert.deepEqual(
      rejects.map(({ reason }) => reason),
      ['embedding-missing', 'embedding-missing'],
    );
  });
});
