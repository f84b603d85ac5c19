import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChromaSource } from '../../src/chroma/chroma-source.ts';
import type { Room } from '../../src/chroma/http.ts';
import type { ShardItem } from '../../src/contract.ts';
import { silentLog } from '../../src/log.ts';
import { ExportMemory, exportShard } from '../../src/shard/export-shard.ts';
import { ShardIdsWriter } from '../../src/shard/shard-ids.ts';
import { keys } from '../../src/store/keys.ts';
import { ObjectMissing, type ShardStore } from '../../src/store/store.ts';

const RECORDS = 200;
const PAGE = 10;
const textAt = (index: number) => `record ${String(index).padStart(6, '0')}`;

/** All memory that pages were read into, and that reached the store. */
const memories = new Set<ArrayBufferLike>();

const chroma = {
  async pageBytes(_: unknown, { offset, limit }: { offset: number; limit: number }, __: unknown, room: Room) {
    const indexes = Array.from({ length: limit }, (_, at) => offset + at);
    const page = {
      ids: indexes.map(textAt),
      embeddings: indexes.map((index) => [index, 0.5]),
      documents: indexes.map((index) => textAt(index).repeat(100)),
    };
    const bytes = Buffer.from(JSON.stringify(page));
    const memory = room.allocate!(bytes.length);
    memories.add(memory.buffer);
    return memory.subarray(0, bytes.copy(memory));
  },
} as unknown as ChromaSource;

const objects = new Map<string, Buffer>();
const store = {
  url: 'memory',
  async write(key: string, body: AsyncIterable<Buffer>) {
    const pieces: Buffer[] = [];
    for await (const piece of body) {
      // Small ones are the header and the end of a stream, which are there once.
      if (piece.length > 100) memories.add(piece.buffer);
      pieces.push(Buffer.from(piece));
    }
    objects.set(key, Buffer.concat(pieces));
    return { key, bytes: objects.get(key)!.length, crc32: '' };
  },
  async writeText(key: string, text: string | Buffer) {
    objects.set(key, Buffer.from(text as string));
  },
  readText: async (key: string) => objects.get(key)?.toString('utf8') ?? null,
  async readPieces(key: string) {
    if (!objects.has(key)) throw new ObjectMissing(key);
    return (async function* () {
      yield objects.get(key)!;
    })();
  },
} as Partial<ShardStore> as ShardStore;

async function shardOf(number: number): Promise<ShardItem> {
  const place = { run: 'run', schema: 'c', number };
  const offset = number * RECORDS;
  const ids = new ShardIdsWriter();
  for (let at = 0; at < RECORDS; at++) ids.add(Buffer.from(JSON.stringify(textAt(offset + at))));
  const idsHash = await ids.write(store, place);
  return {
    ...place,
    ...{ offset, records: RECORDS, idsHash, dimension: 2, pageSize: PAGE, byIds: false },
    ...{ content: 'rows', format: 'pgcopy', layout: 'guide' },
    ...{ tenant: '', database: '', collection: 'c', collectionId: '00000000-0000-4000-8000-000000000000' },
  };
}

test('a process that exports one shard after the other needs the memory of one', async () => {
  const context = { chroma, store, log: silentLog, memory: new ExportMemory() };
  assert.equal((await exportShard(context, await shardOf(0))).read, RECORDS);
  const ofOne = memories.size;
  // No more than are on their way or wait for their turn, and what is made of two pages.
  assert.ok(ofOne < RECORDS / PAGE, `${ofOne} memories for ${RECORDS / PAGE} pages`);
  for (const number of [1, 2, 3]) await exportShard(context, await shardOf(number));
  assert.equal(memories.size, ofOne);
  // What is in the same memory did not get mixed up.
  for (const number of [0, 1, 2, 3]) {
    const rows = objects.get(keys.documents('run', 'c', number))!;
    for (let at = 0; at < RECORDS; at++)
      assert.ok(rows.includes(textAt(number * RECORDS + at).repeat(100)), `record ${at} of shard ${number}`);
  }
});
