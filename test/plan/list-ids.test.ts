import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ChromaSource } from '../../src/chroma/chroma-source.ts';
import type { Room } from '../../src/chroma/http.ts';
import { SourceChanged } from '../../src/errors.ts';
import { listIds } from '../../src/plan/list-ids.ts';

const ADDRESS = { tenant: '', database: '', collectionId: 'c' };

/** A collection of ids in order of insertion, in which `write` changes something before each answer. */
function collectionOf(ids: string[], write: () => void): ChromaSource {
  return {
    async pageBytes(_: unknown, { offset, limit }: { offset: number; limit: number }) {
      write();
      return Buffer.from(JSON.stringify({ ids: ids.slice(offset, offset + limit) }));
    },
  } as unknown as ChromaSource;
}

async function listed(chroma: ChromaSource, records: number, idsAPage: number): Promise<string[]> {
  const all: string[] = [];
  for await (const page of listIds(chroma, ADDRESS, records, idsAPage))
    for (const id of page) all.push(JSON.parse(id.toString('utf8')) as string);
  return all;
}

describe('the list of ids', () => {
  it('has each record that stayed exactly once, whatever is deleted and added while it is read', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 1, max: 12 }),
        fc.array(fc.array(fc.nat(80), { maxLength: 8 }), { maxLength: 30 }),
        async (records, idsAPage, writes) => {
          const ids = Array.from({ length: records }, (_, at) => `record ${at}`);
          const touched = new Set<string>();
          const chroma = collectionOf(ids, () => {
            for (const at of writes.shift() ?? []) {
              const [id = `new ${touched.size}`] = at < ids.length ? ids.splice(at, 1) : [];
              touched.add(id);
              // Some of those that are deleted come back, at the end.
              if (at % 3 === 0) ids.push(id);
            }
          });
          const all = await listed(chroma, records, idsAPage).catch((error) => {
            assert.ok(error instanceof SourceChanged);
            return null;
          });
          if (all === null) return;
          const stayed = Array.from({ length: records }, (_, at) => `record ${at}`).filter(
            (id) => !touched.has(id),
          );
          assert.deepEqual(
            all.filter((id) => !touched.has(id)),
            stayed,
          );
        },
      ),
      { numRuns: 2000 },
    ));

  it('finds its place again in a long collection from which records of all ages are deleted', async () => {
    const ids = Array.from({ length: 20_000 }, (_, at) => `record ${at}`);
    const touched = new Set<string>();
    let seed = 1;
    const chroma = collectionOf(ids, () => {
      for (let deletes = 0; deletes < 400; deletes++) {
        seed = (seed * 48_271) % 2_147_483_647;
        const [id] = ids.splice(seed % ids.length, 1);
        touched.add(id!);
        if (deletes % 4 === 0) ids.push(id!);
      }
    });
    const all = (await listed(chroma, 20_000, 3000)).filter((id) => !touched.has(id));
    assert.ok(all.length > 10_000);
    assert.deepEqual(
      all,
      ids.filter((id) => !touched.has(id)),
    );
    assert.ok(touched.size > 1000);
  });

  it('is whole where the server hands out fewer at a time than it is asked for', async () => {
    const ids = Array.from({ length: 1000 }, (_, at) => `record ${at}`);
    const chroma = {
      async pageBytes(_: unknown, { offset }: { offset: number }) {
        return Buffer.from(JSON.stringify({ ids: ids.slice(offset, offset + 300) }));
      },
    } as unknown as ChromaSource;
    assert.deepEqual(await listed(chroma, 1000, 5000), ids);
  });

  it('reads all pages into the memory of the first', async () => {
    const ids = Array.from({ length: 5000 }, (_, at) => `record ${at}`);
    const memories = new Set<ArrayBufferLike>();
    const chroma = {
      async pageBytes(
        _: unknown,
        { offset, limit }: { offset: number; limit: number },
        __: unknown,
        room: Room,
      ) {
        const text = JSON.stringify({ ids: ids.slice(offset, offset + limit) });
        const memory = room.allocate!(text.length);
        memories.add(memory.buffer);
        return memory.subarray(0, memory.write(text));
      },
    } as unknown as ChromaSource;
    assert.deepEqual(await listed(chroma, 5000, 100), ids);
    // The second begins with the last ids of the first, and may be too long for its memory.
    assert.ok(memories.size <= 2, `${memories.size} memories`);
  });
});
