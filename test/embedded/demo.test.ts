/** The demo's content. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { chunkSource, chunkText, isProse } from '../../local/demo/chunk-source.ts';
import { embed } from '../../local/demo/embed.ts';
import { DEMO_COLLECTIONS, fillDemo } from '../../local/demo/fill.ts';
import { DEMO_QUERIES } from '../../local/demo/queries.ts';
import { silentLog } from '../../src/log.ts';
import { schemaNames } from '../../src/plan/schema-name.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';

const dot = (one: number[], other: number[]) => one.reduce((sum, value, at) => sum + value * other[at]!, 0);

describe('the embedder', () => {
  const texts = {
    retry: 'Retries a failed request with exponential backoff and jitter',
    retryCode: 'async function retryWithBackoff(request) { await sleep(jitter(backoff)); }',
    index: 'Builds an HNSW index on the embeddings of a collection',
    indexCode: 'create index embeddings_hnsw on embeddings using hnsw (embedding vector_cosine_ops)',
    report: 'Writes the report of a run as one HTML page with plots',
  };
  const near = (one: keyof typeof texts, other: keyof typeof texts, dimension: number) =>
    dot(embed(texts[one], dimension), embed(texts[other], dimension));

  for (const dimension of [384, 768])
    it(`puts what is alike closer than what is not, at ${dimension} dimensions`, () => {
      for (const other of ['index', 'indexCode', 'report'] as const)
        assert.ok(near('retry', 'retryCode', dimension) > near('retry', other, dimension) + 0.1, other);
      for (const other of ['retry', 'retryCode', 'report'] as const)
        assert.ok(near('index', 'indexCode', dimension) > near('index', other, dimension) + 0.1, other);
    });

  it('finds other forms of a word', () => {
    const migrations = embed('migrations', 384);
    assert.ok(dot(migrations, embed('migrate', 384)) > dot(migrations, embed('search', 384)) + 0.1);
  });

  it('gives one text one vector of unit length', () => {
    const vector = embed(texts.retry, 384);
    assert.deepEqual(embed(texts.retry, 384), vector);
    assert.ok(Math.abs(dot(vector, vector) - 1) < 1e-12);
    assert.ok(embed('', 384).every((component) => component === 0));
  });
});

describe('the chunker', () => {
  it('covers every line, and names it by the numbers that an editor shows', () => {
    const lines = Array.from({ length: 101 }, (_, at) => `line ${at + 1}`);
    const chunks = chunkText(`${lines.join('\n')}\n`, 'a.ts', 'typescript');
    const covered = new Set<number>();
    for (const { text, start_line, end_line } of chunks) {
      assert.deepEqual(text.split('\n'), lines.slice(start_line - 1, end_line));
      for (let line = start_line; line <= end_line; line++) covered.add(line);
    }
    assert.equal(covered.size, 101);
    assert.deepEqual(
      chunks.map(({ chunk_index, start_line }) => [chunk_index, start_line]),
      [
        [0, 1],
        [1, 36],
        [2, 71],
      ],
    );
  });

  it('leaves out what nobody wrote: packages, builds, lockfiles, hidden and binary files', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chunks-'));
    try {
      for (const path of ['a.ts', 'docs/b.md', 'package-lock.json', 'c.png', '.env', 'LICENSE'])
        await put(folder, path);
      for (const path of ['node_modules/x/i.js', 'dist/i.js', '.git/config.txt', 'deep/node_modules/i.ts'])
        await put(folder, path);
      const chunks = await chunkSource(folder);
      assert.deepEqual(
        chunks.map(({ file_path }) => file_path),
        ['LICENSE', 'a.ts', 'docs/b.md'],
      );
      assert.deepEqual(chunks.map(isProse), [true, false, true]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  async function put(folder: string, path: string): Promise<void> {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), 'some text\n');
  }
});

describe('the demo in Chroma', () => {
  let chroma: TestChroma;
  let counts: Record<string, number>;
  before(async () => {
    chroma = await startTestChroma();
    counts = await fillDemo(chroma.url, silentLog);
  });
  after(() => chroma.stop());

  const COLLECTIONS = '/api/v2/tenants/default_tenant/databases/default_database/collections';
  async function ask<T>(path: string, body?: object): Promise<T> {
    const answer = await fetch(`${chroma.url}${COLLECTIONS}${path}`, {
      ...(body && {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    assert.ok(answer.ok, await answer.clone().text());
    return (await answer.json()) as T;
  }
  interface Collection {
    id: string;
    dimension: number;
    configuration_json: { hnsw: { space: string } };
  }

  it('is two collections of different dimension and space, both filled', async () => {
    for (const { name, dimension, space } of Object.values(DEMO_COLLECTIONS)) {
      const collection = await ask<Collection>(`/${name}`);
      assert.equal(collection.dimension, dimension);
      assert.equal(collection.configuration_json.hnsw.space, space);
      assert.equal(await ask<number>(`/${collection.id}/count`), counts[name]);
      assert.ok(counts[name]! > 0);
    }
  });

  it('may be filled twice', async () => {
    assert.deepEqual(await fillDemo(chroma.url, silentLog), counts);
    const { id } = await ask<Collection>(`/${DEMO_COLLECTIONS.sourceCode.name}`);
    assert.equal(await ask<number>(`/${id}/count`), counts[DEMO_COLLECTIONS.sourceCode.name]);
  });

  for (const { question, schema, dimension, expected } of DEMO_QUERIES)
    it(`answers “${question}” with ${expected} among the first ten`, async () => {
      const collection = Object.values(DEMO_COLLECTIONS).find(
        ({ name }) => schemaNames([{ tenant: '', database: '', collection: name }])[0] === schema,
      );
      assert.ok(collection, schema);
      const { id } = await ask<Collection>(`/${collection.name}`);
      const { metadatas } = await ask<{ metadatas: { file_path: string }[][] }>(`/${id}/query`, {
        query_embeddings: [embed(question, dimension)],
        // The demo's content is this repository, which grows: the rank of one file is no promise, that it is near is.
        n_results: 10,
        include: ['metadatas'],
      });
      assert.ok(
        metadatas[0]!.some(({ file_path }) => file_path === expected),
        JSON.stringify(metadatas[0]),
      );
    });
});
