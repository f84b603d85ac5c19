import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { ChromaSource } from '../../src/chroma/chroma-source.ts';
import type { ShardItem } from '../../src/contract.ts';
import { pagesInOrder } from '../../src/shard/pages.ts';

const requests = new Int32Array(new SharedArrayBuffer(4));
const server = new Worker(new URL('../fixtures/page-server.ts', import.meta.url), {
  workerData: requests.buffer,
});
after(() => server.terminate());

test('the server works on the next page while one is scanned, also where it is asked for one at a time', async () => {
  const [port] = await once(server, 'message');
  const chroma = new ChromaSource({ url: `http://127.0.0.1:${port}` }, 1);
  const shard = { offset: 0, records: 30, pageSize: 10, dimension: 1 } as ShardItem;
  let read = 0;
  for await (const page of pagesInOrder(chroma, shard)) {
    read += page.length;
    const asked = Math.min(3, read / 10 + 1);
    // Nothing leaves this thread meanwhile: the request is there, or on its way, or it was not sent.
    for (let seen = Atomics.load(requests, 0); seen < asked; seen = Atomics.load(requests, 0))
      if (Atomics.wait(requests, 0, seen, 20_000) === 'timed-out') break;
    assert.ok(Atomics.load(requests, 0) >= asked, `${read} records read, and no further page asked for`);
  }
  assert.equal(read, 30);
  await chroma.close();
});
