/** A server that fails at some of its records (chroma-core/chroma#2912): these are found, and all others come. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChromaSource } from '../../src/chroma/chroma-source.ts';
import { AnswerFailed } from '../../src/chroma/http.ts';
import type { Reject, ShardItem } from '../../src/contract.ts';
import { ShardEncoder } from '../../src/copy/shard-encoder.ts';
import { pagesInOrder } from '../../src/shard/pages.ts';
import { startServer } from '../command-line/servers.ts';

const RECORDS = 400;
/** What docs/awkward-data.md says that a shard may have. */
const MOST = 100;

/** Reads a shard from a server that fails at each page with one of these records. @param tellsIds whether it does so when nothing but ids is asked for */
async function readFrom(
  lost: ReadonlySet<number>,
  tellsIds = true,
): Promise<{ written: number; rejects: Reject[] }> {
  const server = await startServer(async (request, answer) => {
    let body = '';
    for await (const piece of request) body += piece;
    const { offset, limit, include } = JSON.parse(body);
    const indexes = Array.from({ length: Math.min(limit, RECORDS - offset) }, (_, at) => offset + at);
    const fails = include.includes('embeddings') || !tellsIds;
    if (fails && indexes.some((index) => lost.has(index))) {
      answer.writeHead(500).end('{"error":"InternalError","message":"Error finding id"}');
      return;
    }
    answer.end(
      JSON.stringify({
        ids: indexes.map((index) => `record ${index}`),
        embeddings: include.includes('embeddings') ? indexes.map((index) => [index]) : null,
        documents: include.includes('documents') ? indexes.map((index) => `text ${index}`) : null,
      }),
    );
  });
  const source = new ChromaSource({ url: server.url, patience: { tries: 1 } });
  try {
    const shard = { offset: 0, records: RECORDS, pageSize: 100, dimension: 1 } as ShardItem;
    const collectionId = '6d1b6a8e-3f59-4d5f-9c5b-0a6a5d0e5a11';
    const encoder = new ShardEncoder({ collectionId, dimension: 1, layout: 'guide' }, 'pgcopy');
    const rejects: Reject[] = [];
    let written = 0;
    for await (const page of pagesInOrder(source, shard)) {
      const encoded = encoder.encode(page, written + rejects.length);
      written += encoded.written;
      rejects.push(...encoded.rejects);
    }
    return { written, rejects };
  } finally {
    await source.close();
    await server.stop();
  }
}

test('a record at which the server fails comes without its embedding, all others whole, each once', async () => {
  const { written, rejects } = await readFrom(new Set([17]));
  assert.equal(written, RECORDS - 1);
  const [{ id, offset, reason, record } = {} as Reject, ...others] = rejects;
  assert.deepEqual([id, offset, reason, others], ['record 17', 17, 'undeliverable', []]);
  assert.match(record, /"text 17"/);
});

/** Every third record, so that pages are halved to the last. */
const everyThird = (count: number) => new Set(Array.from({ length: count }, (_, at) => 3 * at));

test('as many of them as a shard may have are all found', async () => {
  const { written, rejects } = await readFrom(everyThird(MOST));
  assert.equal(written, RECORDS - MOST);
  assert.deepEqual(
    rejects.map(({ offset, reason }) => [offset, reason]),
    [...everyThird(MOST)].map((offset) => [offset, 'undeliverable']),
  );
});

test('one more, and the shard fails with what the server says: it is the server that must be mended', async () => {
  await assert.rejects(
    readFrom(everyThird(MOST + 1)),
    (error) => error instanceof AnswerFailed && /Error finding id/.test(error.message),
  );
});

test('a server that does not even tell the ids fails the shard at once', async () => {
  await assert.rejects(
    readFrom(new Set([17]), false),
    (error) => error instanceof AnswerFailed && /Error finding id/.test(error.message),
  );
});
