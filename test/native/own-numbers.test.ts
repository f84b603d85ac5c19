/** What a search finds and how far away it says that is: Chroma's own neighbours, by Chroma's own numbers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { SPACES, type Space } from '../../src/contract.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { nearest } from '../fixtures/chroma-api.ts';
import { ClusteredVectors } from '../fixtures/clustered-vectors.ts';
import { runJsonCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const RECORDS = 2000;
const SEARCHES = 50;
const K = 10;
const DIMENSIONS = [3, 96, 1024];
const name = (space: Space, dimension: number) => `${space}_${dimension}`;

describe('searches of what was migrated', {
  skip: !process.env.DATABASE_URL && 'needs a native server',
}, () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let client: pg.Client;
  const ids = new Map<string, string>();

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    for (const dimension of DIMENSIONS)
      for (const space of SPACES)
        ids.set(
          name(space, dimension),
          await fillCollection(chroma.url, {
            ...{ name: name(space, dimension), space, dimension, seed: dimension },
            records: dimension > 100 ? 500 : RECORDS,
            documents: (index) => `record-${index}`,
            metadata: false,
          }),
        );
    const store = await temporaryFolder('own-numbers-');
    const { code, stderr } = await runJsonCommand([
      ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store, '--quiet'],
    ]);
    assert.equal(code, 0, stderr);
    client = new pg.Client(postgres.url);
    await client.connect();
  });
  after(async () => {
    await client?.end();
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  for (const dimension of DIMENSIONS)
    for (const space of SPACES)
      it(`${dimension} dimensions, ${space}`, async () => {
        const records = dimension > 100 ? 500 : RECORDS;
        const vectors = new ClusteredVectors({ seed: dimension, dimension });
        const found = { ours: 0, theirs: 0 };
        let largest = 0;
        let offExact = 0;
        for (let search = 0; search < SEARCHES; search++) {
          // Of the same clusters, and none of the records.
          const query = vectors.at(records + search * 7);
          const exact = exactNearest(vectors, records, query, space);
          const theirs = await nearest(chroma.url, ids.get(name(space, dimension))!, [...query], K);
          const text = `[${query.join()}]`;
          const near = await client.query<{ source_id: string; distance: number }>(
            `select source_id, distance from ${name(space, dimension)}.search_nearest($1, ${K})`,
            [text],
          );
          const similar = await client.query<{ content: string }>(
            `select content from ${name(space, dimension)}.search_similar($1, ${K}, '-infinity')`,
            [text],
          );
          found.theirs += theirs.ids.filter((id) => exact.has(id)).length;
          found.ours += similar.rows.filter(({ content }) => exact.has(content)).length;
          const own = new Map(theirs.ids.map((id, at) => [id, theirs.distances[at]!]));
          for (const { source_id, distance } of near.rows) {
            const chromas = own.get(source_id);
            if (chromas === undefined) continue;
            const record = vectors.at(Number(source_id.slice('record-'.length)));
            const scale = scaleOf(record, query, space, chromas);
            largest = Math.max(largest, Math.abs(distance - chromas) / scale);
            offExact = Math.max(offExact, Math.abs(distance - distanceOf(record, query, space)) / scale);
          }
        }
        assert.ok(
          found.ours >= found.theirs,
          `${found.ours} of ${SEARCHES * K} found, by Chroma ${found.theirs}`,
        );
        assert.ok(largest <= 1e-6, `${largest} from Chroma's number`);
        assert.ok(offExact <= 5e-7, `${offExact} from the exact number`);
      });
});

/**
 * What a difference is relative to: the distance itself under l2, and else what it is a difference of, since Chroma has
 * rounded that to float32 before it subtracts.
 */
function scaleOf(a: Float32Array, b: Float32Array, space: Space, distance: number): number {
  if (space === 'l2') return Math.abs(distance);
  return space === 'cosine' ? 1 : Math.max(1, norm(a) * norm(b));
}

/** The ids of the K nearest, in doubles. */
function exactNearest(
  vectors: ClusteredVectors,
  records: number,
  query: Float32Array,
  space: Space,
): Set<string> {
  const distances = Array.from({ length: records }, (_, index) => {
    const vector = vectors.at(index);
    return { id: `record-${index}`, distance: distanceOf(vector, query, space) };
  });
  distances.sort((a, b) => a.distance - b.distance);
  return new Set(distances.slice(0, K).map(({ id }) => id));
}

function distanceOf(a: Float32Array, b: Float32Array, space: Space): number {
  if (space === 'l2') return a.reduce((sum, value, at) => sum + (value - b[at]!) ** 2, 0);
  return space === 'ip' ? 1 - dot(a, b) : 1 - dot(a, b) / (norm(a) * norm(b));
}

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, at) => sum + value * b[at]!, 0);
const norm = (a: Float32Array) => Math.sqrt(dot(a, a));
