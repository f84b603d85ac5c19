import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChromaSource } from '../../src/chroma/chroma-source.ts';
import { AnswerFailed, AnswerTooLarge } from '../../src/chroma/http.ts';
import { scanPage } from '../../src/chroma/scan-page.ts';
import { lookAtCollection } from '../../src/plan/profile.ts';
import type { Ids } from '../../src/shard/shard-ids.ts';

const ADDRESS = { tenant: '', database: '', collectionId: 'c' };

interface Question {
  offset: number;
  limit: number;
  parts: number;
}

/** A collection of so many records, whose server may refuse. */
function collectionOf(records: number, refuse: (question: Question) => Error | null = () => null) {
  const asked: Question[] = [];
  const ids = Array.from({ length: records }, (_, at) => `record ${at}`);
  const chroma = {
    async page(_: unknown, { offset, limit }: { offset: number; limit: number }, include: string[]) {
      const question = { offset, limit, parts: include.length };
      asked.push(question);
      const refusal = refuse(question);
      if (refusal) throw refusal;
      const found = ids.slice(offset, offset + limit);
      const documents = include.includes('documents') ? found.map(() => 'words') : null;
      return scanPage(Buffer.from(JSON.stringify({ ids: found, documents })));
    },
  } as unknown as ChromaSource;
  return { chroma, asked };
}

const texts = (ids: Ids | null) => ids && Array.from(ids, (id) => JSON.parse(id.toString('utf8')));

describe('the look at a collection', () => {
  it('brings all ids of a small one with the one request that profiles it', async () => {
    const { chroma, asked } = collectionOf(50);
    const { profile, ids } = await lookAtCollection(chroma, ADDRESS, 50);
    assert.deepEqual(
      texts(ids),
      Array.from({ length: 50 }, (_, at) => `record ${at}`),
    );
    assert.deepEqual([profile.sampled, profile.averageDocumentBytes, asked.length], [50, 7, 1]);
  });

  it('leaves the ids of a larger one to the listing', async () => {
    const { chroma, asked } = collectionOf(51);
    assert.equal((await lookAtCollection(chroma, ADDRESS, 51)).ids, null);
    assert.equal(asked.length, 3);
  });

  it('takes no page for the whole collection that has fewer records than were counted', async () => {
    const { chroma } = collectionOf(7);
    assert.equal((await lookAtCollection(chroma, ADDRESS, 8)).ids, null);
  });

  it('brings the ids also where the server fails at all else', async () => {
    const { chroma } = collectionOf(9, ({ parts }) => (parts > 0 ? new AnswerFailed('no') : null));
    const { profile, ids } = await lookAtCollection(chroma, ADDRESS, 9);
    assert.deepEqual([ids?.length, profile.averageDocumentBytes], [9, 0]);
  });

  it('looks at one record where the documents of more are too much for one answer', async () => {
    const { chroma } = collectionOf(9, ({ limit }) => (limit > 1 ? new AnswerTooLarge('no') : null));
    const { profile, ids } = await lookAtCollection(chroma, ADDRESS, 9);
    assert.deepEqual([ids, profile.sampled, profile.averageDocumentBytes], [null, 1, 7]);
  });
});
