import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { ChromaSource } from '../../src/chroma/chroma-source.ts';
import type { Reject, ShardItem } from '../../src/contract.ts';
import { ShardEncoder } from '../../src/copy/shard-encoder.ts';
import { idAt, pagesInOrder } from '../../src/shard/pages.ts';

const RECORDS = 40;
const LARGEST = 64_000;
/** Four documents of 20 kB and one of 100 kB in the middle, where no look at the ends of the collection sees them. */
const documentAt = (index: number) => (index === 17 ? LONGEST : index >= 12 && index < 16 ? LONG : 'short');
const LONG = 'x'.repeat(20_000);
const LONGEST = 'x'.repeat(100_000);

const server = createServer(async (request, answer) => {
  let body = '';
  for await (const piece of request) body += piece;
  const { offset, limit } = JSON.parse(body);
  const indexes = Array.from({ length: Math.min(limit, RECORDS - offset) }, (_, at) => offset + at);
  const text = JSON.stringify({
    ids: indexes.map((index) => `record ${index}`),
    embeddings: indexes.map((index) => [index]),
    documents: indexes.map(documentAt),
  });
  answer.setHeader('content-length', text.length).end(text);
});
let chroma: ChromaSource;
before(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  chroma = new ChromaSource({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
after(async () => {
  await chroma.close();
  server.close();
});

test('a record at which the server fails comes without its embedding, all others whole, each once', async () => {
  const failing = createServer(async (request, answer) => {
    let body = '';
    for await (const piece of request) body += piece;
    const { offset, limit, include } = JSON.parse(body);
    if (offset <= 17 && 17 < offset + limit && include.includes('embeddings')) {
      answer.writeHead(500).end('{"error":"InternalError","message":"Error finding id"}');
      return;
    }
    const indexes = Array.from({ length: Math.min(limit, RECORDS - offset) }, (_, at) => offset + at);
    answer.end(
      JSON.stringify({
        ids: indexes.map((index) => `record ${index}`),
        embeddings: include.includes('embeddings') ? indexes.map((index) => [index]) : null,
        documents: include.includes('documents') ? indexes.map((index) => `text ${index}`) : null,
      }),
    );
  });
  await once(failing.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(failing.address() as AddressInfo).port}`;
  const source = new ChromaSource({ url, patience: { tries: 1 } });
  const shard = { offset: 0, records: RECORDS, pageSize: 10, dimension: 1 } as ShardItem;
  const collectionId = '6d1b6a8e-3f59-4d5f-9c5b-0a6a5d0e5a11';
  const encoder = new ShardEncoder({ collectionId, dimension: 1, layout: 'guide' }, 'pgcopy');
  const rejects: Reject[] = [];
  let written = 0;
  for await (const page of pagesInOrder(source, shard)) {
    const encoded = encoder.encode(page, written + rejects.length);
    written += encoded.written;
    rejects.push(...encoded.rejects);
  }
  assert.equal(written, RECORDS - 1);
  const [{ id, offset, reason, record } = {} as Reject, ...others] = rejects;
  assert.deepEqual([id, offset, reason, others], ['record 17', 17, 'undeliverable', []]);
  assert.match(record, /"text 17"/);
  await source.close();
  failing.close();
});

test('documents much longer than those that were sampled come all the same, each once, in order, a few at a time', async () => {
  const shard = { offset: 0, records: RECORDS, pageSize: 10, dimension: 1 } as ShardItem;
  const ids: string[] = [];
  for await (const page of pagesInOrder(chroma, shard, { largestPageBytes: LARGEST })) {
    for (let index = 0; index < page.length; index++) ids.push(idAt(page, index));
    assert.ok(page.length === 1 || page.bytes.length <= LARGEST, `a page of ${page.bytes.length} bytes`);
    assert.deepEqual(
      [...page.embeddings!.components.subarray(0, page.length)],
      ids.slice(-page.length).map((id) => Number(id.slice(7))),
    );
  }
  assert.deepEqual(
    ids,
    Array.from({ length: RECORDS }, (_, index) => `record ${index}`),
  );
});
