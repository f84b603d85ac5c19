/** Chroma's own numbers also where float32 has least to say: near duplicates, vectors far off the origin, many dimensions. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { SPACES, type Space } from '../../src/contract.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { addRecords, createCollection, nearest } from '../fixtures/chroma-api.ts';
import { mulberry32 } from '../fixtures/clustered-vectors.ts';
import { migrateInProcess } from '../fixtures/migrate-in-process.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const DIMENSIONS = [2, 17, 384, 1536, 4096];
const SEEDS = [1, 2];
const RECORDS = 6;
const QUERIES = 2;
/** A component around the one of the vectors' common centre. */
const SHAPES: readonly ((centre: number, chance: number) => number)[] = [
  (centre, chance) => centre + chance,
  (centre, chance) => centre * (1 + chance * 1e-5),
  (_centre, chance) => 10 + chance * 0.02,
];
const nameOf = (space: Space, dimension: number) => `${space}_${dimension}`;

/** Records of each shape, and queries behind them. */
function vectorsOf(dimension: number, seed: number): { records: Float32Array[]; queries: Float32Array[] } {
  const next = mulberry32(seed * 7919 + dimension);
  const centre = Float32Array.from({ length: dimension }, () => next() * 2 - 1);
  const some = (count: number) =>
    SHAPES.flatMap((shape) =>
      Array.from({ length: count }, () => centre.map((component) => shape(component, next() - 0.5))),
    );
  return { records: some(RECORDS), queries: some(QUERIES) };
}

describe('the distance of a search', { skip: !process.env.DATABASE_URL && 'needs a native server' }, () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let client: pg.Client;
  const ids = new Map<string, string>();
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    for (const dimension of DIMENSIONS)
      for (const space of SPACES) {
        const name = nameOf(space, dimension);
        const id = await createCollection(chroma.url, name, { space });
        ids.set(name, id);
        for (const seed of SEEDS) {
          const embeddings = vectorsOf(dimension, seed).records.map((vector) => [...vector]);
          await addRecords(chroma.url, id, { ids: embeddings.map((_, at) => `${seed}-${at}`), embeddings });
        }
      }
    const store = await temporaryFolder('own-distances-');
    await migrateInProcess({ chroma: chroma.url, target: postgres.url, store }, 'own', { sampleSize: 0 });
    client = new pg.Client(postgres.url);
    await client.connect();
  });
  after(async () => {
    await client?.end();
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  for (const dimension of DIMENSIONS)
    for (const space of SPACES)
      it(`is Chroma's and the exact one, in ${dimension} dimensions under ${space}`, async () => {
        const name = nameOf(space, dimension);
        let compared = 0;
        let fromChroma = 0;
        let fromExact = 0;
        const sets = new Map(SEEDS.map((seed) => [seed, vectorsOf(dimension, seed)]));
        for (const { queries } of sets.values())
          for (const query of queries) {
            const theirs = await nearest(chroma.url, ids.get(name)!, [...query], 60);
            const own = new Map(theirs.ids.map((id, at) => [id, theirs.distances[at]!]));
            const { rows } = await client.query<{ source_id: string; distance: number }>(
              `select source_id, distance from ${name}.search_nearest($1, 60)`,
              [`[${query.join()}]`],
            );
            for (const { source_id, distance } of rows) {
              const [of, at] = source_id.split('-').map(Number) as [number, number];
              const exact = exactDistance(sets.get(of)!.records[at]!, query, space);
              fromExact = Math.max(fromExact, Math.abs(distance - exact.distance) / exact.scale);
              const chromas = own.get(source_id);
              if (chromas === undefined) continue;
              fromChroma = Math.max(fromChroma, Math.abs(distance - chromas) / exact.scale);
              compared++;
            }
          }
        assert.ok(compared >= SEEDS.length * QUERIES * 20, `${compared} compared`);
        assert.ok(fromExact <= 1e-6, `${fromExact} from the exact distance`);
        // Chroma's own rounding of each vector to length 1 is as large in many dimensions.
        const most = space === 'cosine' && dimension > 1536 ? 2e-6 : 1e-6;
        assert.ok(fromChroma <= most, `${fromChroma} from Chroma's`);
      });
});

/** In doubles, and what it was summed up from: itself under l2, at least the 1 that Chroma subtracts from otherwise. */
function exactDistance(a: Float32Array, b: Float32Array, space: Space): { distance: number; scale: number } {
  let [squares, products, left, right] = [0, 0, 0, 0];
  for (const [at, one] of a.entries()) {
    const other = b[at]!;
    squares += (one - other) ** 2;
    products += one * other;
    left += one * one;
    right += other * other;
  }
  const norms = Math.sqrt(left * right);
  if (space === 'l2') return { distance: squares, scale: squares };
  if (space === 'ip') return { distance: 1 - products, scale: Math.max(1, norms) };
  return { distance: 1 - products / norms, scale: 1 };
}
