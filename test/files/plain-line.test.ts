import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scanLines } from '../../src/chroma/scan-lines.ts';
import { NoRecord, plainLine } from '../../src/files/plain-line.ts';

const plain = (line: string, namesCollection?: boolean) => {
  const { line: made, ...rest } = plainLine(Buffer.from(line), namesCollection);
  return { ...rest, text: made.toString('utf8').trimEnd() };
};

describe('a line of somebody else', () => {
  it('is taken by the usual names of its members', () => {
    for (const line of [
      '{"id":"a","document":"text","metadata":{"k":1},"embedding":[1,2]}',
      '{"vector":[1,2],"payload":{"k":1},"content":"text","_id":"a"}',
      '{"id":"a","page_content":"text","metadata":{"k":1},"values":[1,2]}',
    ])
      assert.equal(
        plain(line).text,
        '{"id":"a","document":"text","metadata":{"k":1},"uri":null,"embedding":[1,2]}',
      );
  });

  it('keeps the very digits and escapes that came, and is what the importer reads', () => {
    const { text } = plain(
      '{ "id" : "\\u00e4" , "embedding" : [ 0.1, -1.5e-7 ] , "metadata": {"n": 12345678901234567890, "f": 1.0} }\r',
    );
    assert.match(text, /"id":"\\u00e4"/);
    assert.match(text, /\{"n": 12345678901234567890, "f": 1\.0\}/);
    const page = scanLines(Buffer.from(`${text}\n`));
    assert.deepEqual([...page.embeddings!.components.subarray(0, 2)], [0.1, -1.5e-7].map(Math.fround));
  });

  it('loses nothing that has no place: it goes into the metadata, whose own keys win', () => {
    const { text, moved } = plain(
      '{"id":"a","author":"x","lang":"de","metadata":{"lang":"en"},"embedding":[1]}',
    );
    assert.deepEqual(JSON.parse(text).metadata, { author: 'x', lang: 'en' });
    assert.deepEqual(moved, ['author', 'lang']);
    assert.deepEqual(JSON.parse(plain('{"id":"a","year":1999}').text).metadata, { year: 1999 });
  });

  it('may have a number for an id, and say which collection it belongs to', () => {
    assert.equal(JSON.parse(plain('{"id":9007199254740993,"embedding":[1]}').text).id, '9007199254740993');
    assert.equal(plain('{"id":"a","collection":"docs"}').collection, 'docs');
    const named = plain('{"id":"a","collection":"docs"}', false);
    assert.equal(named.collection, null);
    assert.deepEqual(JSON.parse(named.text).metadata, { collection: 'docs' });
  });

  it('is refused with the reason where it is no record', () => {
    const refused: [string, RegExp][] = [
      ['not json', /no JSON object/],
      ['{"id":"a"', /no JSON object/],
      ['{"document":"x"}', /no id/],
      ['{"id":{},"document":"x"}', /neither text nor number/],
      ['{"id":"a","document":7}', /document that is no text/],
      ['{"id":"a","metadata":"{}"}', /metadata that are no object/],
      ['{"id":"a","embedding":"AAAA"}', /no list of numbers/],
      ['{"id":"a","embedding":[[1]]}', /no JSON object/],
    ];
    for (const [line, said] of refused)
      assert.throws(
        () => plain(line),
        (error) => error instanceof NoRecord && said.test(error.message),
        line,
      );
    assert.throws(() => plainLine(Buffer.from([0x7b, 0xff, 0x7d])), NoRecord);
  });
});
