import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { ChromaSource } from '../../src/chroma/chroma-source.ts';
import type { ShardItem } from '../../src/contract.ts';
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
