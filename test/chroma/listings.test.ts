import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { ChromaSource } from '../../src/chroma/chroma-source.ts';
import { listedCollections } from '../../src/chroma/listed-collections.ts';

const ID = '6d1b6a8e-3f59-4d5f-9c5b-0a6a5d0e5a11';
const NAMES = Array.from({ length: 230 }, (_, at) => `name-${at}`);

/** A server that lists NAMES, and how many of them at a time. */
async function listing(atATime: number, knowsOffsets: boolean) {
  const server = createServer((request, answer) => {
    const { searchParams } = new URL(request.url as string, 'http://localhost');
    const offset = knowsOffsets ? Number(searchParams.get('offset')) : 0;
    const limit = Math.min(atATime, Number(searchParams.get('limit')));
    const listed = NAMES.slice(offset, offset + limit).map((name) => ({ id: ID, name }));
    answer.end(JSON.stringify(listed));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const chroma = new ChromaSource({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  return {
    chroma,
    async [Symbol.asyncDispose]() {
      await chroma.close();
      server.close();
    },
  };
}

test("a collection's own words are read as they are, and kept as a text where JavaScript's values say less", () => {
  const listed = (json: string) => {
    const answer = `[{"id":"${ID}","name":"docs","metadata":${json},"configuration_json":${json}}]`;
    const [collection] = listedCollections(Buffer.from(answer)) as [
      { metadataText?: string; configurationText?: string },
    ];
    assert.equal(collection.configurationText, collection.metadataText);
    return collection.metadataText;
  };
  for (const exact of ['null', '{}', '{"a": 1, "b": 1.5, "c": "d", "e": true, "f": 9007199254740991}'])
    assert.equal(listed(exact), undefined, exact);
  for (const bent of [
    '{"a":9007199254740993}',
    '{"a":1.0}',
    String.raw`{"\t":1}`,
    String.raw`{"a":{"b\n":1}}`,
  ])
    assert.equal(listed(bent), bent);
});

test('a member that is null has no text, whatever else Chroma says of the collection', () => {
  const escaped = String.raw`{"path":"C:\\models"}`;
  const answer = `[{"id":"${ID}","name":"docs","configuration_json":${escaped},"metadata":null}]`;
  const [collection] = listedCollections(Buffer.from(answer)) as [Record<string, unknown>];
  assert.equal(collection.metadata, null);
  assert.equal('metadataText' in collection, false, String(collection.metadataText));
  assert.equal(collection.configurationText, escaped);
});

test('no collection and no database is left out by a server that lists fewer at a time than it is asked for', async () => {
  for (const [atATime, knowsOffsets] of [
    [100, true],
    [1000, true],
    [1000, false],
  ] as const) {
    await using server = await listing(atATime, knowsOffsets);
    const { chroma } = server;
    assert.deepEqual(
      (await chroma.collections('tenant', 'database')).map(({ name }) => name),
      NAMES,
    );
    assert.deepEqual(await chroma.databases('tenant'), NAMES);
  }
});
