import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PageRoom, type Spans, scanPage } from '../../src/chroma/scan-page.ts';
import { SourceUnavailable } from '../../src/errors.ts';

const float32 = fc.float({ noNaN: true, noDefaultInfinity: true });
const record = fc.record({
  id: fc.string(),
  document: fc.option(fc.string({ unit: 'binary' })),
  metadata: fc.option(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean()))),
  uri: fc.option(fc.webUrl()),
});
const dimensioned = fc
  .integer({ min: 1, max: 8 })
  .chain((dimension) =>
    fc.array(fc.tuple(record, fc.array(float32, { minLength: dimension, maxLength: dimension }))),
  );

const bodyOf = (
  records: [{ id: string; document: unknown; metadata: unknown; uri: unknown }, number[]][],
  gap = '',
) =>
  Buffer.from(
    JSON.stringify({
      ids: records.map(([{ id }]) => id),
      embeddings: records.map(([, embedding]) => embedding),
      documents: records.map(([{ document }]) => document),
      uris: records.map(([{ uri }]) => uri),
      metadatas: records.map(([{ metadata }]) => metadata),
      include: ['documents'],
      // JSON.stringify writes −0 as 0; Chroma does not.
    }).replaceAll(',', `${gap},${gap}`),
  );

const valueAt = (bytes: Buffer, { starts, ends }: Spans, index: number) =>
  starts[index]! < 0 ? null : JSON.parse(bytes.toString('utf8', starts[index], ends[index]));

describe('a page of Chroma', () => {
  it('is read as JSON.parse reads it, whatever was read into the same room before', () => {
    const room = new PageRoom();
    fc.assert(
      fc.property(dimensioned, (records) => {
        const body = bodyOf(records);
        const page = scanPage(body, room);
        const parsed = JSON.parse(body.toString());
        assert.equal(page.length, records.length);
        for (let index = 0; index < page.length; index++) {
          assert.equal(valueAt(body, page.ids, index), parsed.ids[index]);
          assert.equal(valueAt(body, page.documents!, index), parsed.documents[index]);
          assert.deepEqual(valueAt(body, page.metadatas!, index), parsed.metadatas[index]);
          const { components, offsets } = page.embeddings!;
          const row = [...components.subarray(offsets[index], offsets[index + 1])];
          assert.deepEqual(row, parsed.embeddings[index].map(Math.fround));
        }
      }),
    );
  });

  it('keeps every bit of every float32, however it is written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (bits) => {
        const view = new DataView(new ArrayBuffer(4));
        view.setUint32(0, bits);
        const value = view.getFloat32(0);
        fc.pre(Number.isFinite(value));
        const written = [
          Object.is(value, -0) ? '-0.0' : String(value),
          value.toExponential(),
          value.toPrecision(9),
          value.toPrecision(17),
          ` ${value.toExponential(8)} `,
        ];
        for (const text of written) {
          const page = scanPage(Buffer.from(`{"ids":["a"],"embeddings":[[${text}]]}`));
          assert.ok(
            Object.is(page.embeddings!.components[0], value),
            `${text} → ${page.embeddings!.components[0]}`,
          );
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps the one float32 whose shortest decimal leads to its neighbour by way of a double', () => {
    const exact = new Float32Array(new Uint32Array([0x15ae43fd, 0x95ae43fd]).buffer);
    const written = '7.038531e-26';
    assert.notEqual(Math.fround(Number(written)), exact[0]);
    for (const text of [written, '70.38531e-27', '0.00000000000000000000000007038531']) {
      const page = scanPage(Buffer.from(`{"ids":["a"],"embeddings":[[${text},-${text}]]}`));
      assert.deepEqual(page.embeddings!.components.subarray(0, 2), exact);
    }
    // In the very middle the even one is nearest, and a digit more or less decides.
    const nearest = (text: string) =>
      scanPage(Buffer.from(`{"ids":["a"],"embeddings":[[${text}]]}`)).embeddings!.components[0];
    assert.deepEqual(
      [
        '16777217',
        '16777217.0000000000001',
        '16777219',
        '16777218.9999999999999',
        '-16777217.00000000000001',
      ].map(nearest),
      [16777216, 16777218, 16777220, 16777218, -16777218],
    );
  });

  it('says which vectors hold something that is no finite float32', () => {
    const page = scanPage(
      Buffer.from('{"ids":["a","b","c","d"],"embeddings":[[1,null],[1e39,2],[3,4],null]}'),
    );
    assert.deepEqual(page.embeddings!.finite, [false, false, true, false]);
    assert.equal(page.embeddings!.spans.starts[3], -1);
  });

  it('is refused, and worth another try, when it is cut anywhere', () => {
    const body = bodyOf([[{ id: 'a"\\', document: 'x', metadata: { k: [1] }, uri: null }, [1.5, -2]]]);
    for (let length = 0; length < body.length; length++)
      assert.throws(() => scanPage(body.subarray(0, length)), SourceUnavailable, `cut at ${length}`);
  });

  it('is refused, and not taken for one without records, when it is JSON of something else', () => {
    for (const other of [
      '{}',
      '{"error": "no", "message": "not now"}',
      '{"documents": null}',
      '[]',
      'null',
      '"x"',
    ])
      assert.throws(() => scanPage(Buffer.from(other)), SourceUnavailable, other);
    assert.equal(scanPage(Buffer.from('{"ids": [], "documents": null}')).length, 0);
  });

  it('is refused when its columns differ in length or its bytes are no UTF-8', () => {
    assert.throws(() => scanPage(Buffer.from('{"ids":["a","b"],"documents":["x"]}')), SourceUnavailable);
    assert.throws(() => scanPage(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), SourceUnavailable);
    assert.throws(
      () => scanPage(Buffer.from(`{"ids":${'['.repeat(5000)}${']'.repeat(5000)}}`)),
      SourceUnavailable,
    );
  });
});
