import pg from 'pg';
import { toSql } from 'pgvector/pg';
import exactSearches from '../../sql/collection/exact-searches.sql';
import type { CollectionPlan, SampledSearches, Space } from '../contract.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import { columnsOf } from '../postgres/search-functions.ts';
import { SHARED_OUT_LOCALLY } from '../postgres/shared-scan.ts';
import { filled } from '../postgres/template.ts';
import { NEIGHBOURS } from './sample-searches.ts';
import { type Answer, answerOf } from './search-scores.ts';

/** An exact answer, and of each distance the size of what it was summed up from. */
export interface ExactAnswer extends Answer {
  scales: number[];
  /** How far another sum of these may be from ours, as a share of its scale. */
  tolerance: number;
  /** SHA-256 of each record's vector. */
  vectors: string[];
}

/** Longest time for the exact answers: of a table that takes longer, fewer searches are answered, but one. */
const EXACT_SECONDS = 60;
/** Rows from all over the table that show how far the nearest are at most, and how long the others will take. */
const firstRows = (records: number): number => Math.min(20_000, Math.max(2000, Math.ceil(records / 50)));
/** Their vectors are read again for each row: those of 16,000 dimensions still fit into the 4 MB of `work_mem`. */
const QUERIES_A_PASS = 50;
/** Of a float32: 24 bits of mantissa. */
const UNIT_ROUNDOFF = 2 ** -24;

/**
 * How far Chroma's float32 sum of a distance may be from ours, relative to what both have summed up. Rounding errors of
 * n additions come to some √n of them, not n (N. J. Higham and T. Mary, "A new approach to probabilistic rounding error
 * analysis", 2019): added up one after the other, hardly ever to more than 4u√n. Of 164,000 distances, of clusters, of
 * near duplicates and of vectors far off the origin, in 2 to 4,096 dimensions, the largest differences were
 * - of a native server, which adds up 8 lanes side by side: 7e-7 under l2, 6e-7 under ip, and 1.4e-6 under cosine, where
 *   Chroma has rounded each vector to length 1 (its number was 1.3e-6 from the exact one, ours 4.4e-7)
 * - of the embedded one, which has no lanes: 1.1e-6 in 384 dimensions, 2.2e-6 in 1,536 and 8.4e-6 in 4,096
 */
const toleranceOf = (dimension: number): number => Math.max(1e-6, 4 * UNIT_ROUNDOFF * Math.sqrt(dimension));

/** pgvector's operator and Chroma's distance made of it (design: l2 is squared, ip is 1 − dot). */
const DISTANCES: Record<
  Space,
  {
    operator: string;
    chroma: (distance: string) => string;
    magnitude: (one: string, other: string) => string;
    least: number;
  }
> = {
  // Squares are summed up, of which none cancels another out, so that a short distance is as exact as a long one. Only
  // those below 1.2e-38 lose bits, or all: of 16,000 that is 2e-34.
  l2: {
    operator: '<->',
    chroma: (distance) => `${distance} * ${distance}`,
    magnitude: () => '0',
    least: 1e-27,
  },
  // Both take vectors for shorter than they are whose squares are below what a float32 tells apart (1.2e-38), each in
  // its own way: such a distance is compared with nothing.
  cosine: {
    operator: '<=>',
    chroma: (distance) => distance,
    magnitude: (one, other) =>
      `case when least(vector_norm(${one}), vector_norm(${other})) < 1e-16 then 'NaN' else 0::float8 end`,
    least: 1,
  },
  // Products of long vectors cancel each other out: what is left of their sum says nothing of its rounding.
  ip: {
    operator: '<#>',
    chroma: (distance) => `1 + ${distance}`,
    magnitude: (one, other) => `vector_norm(${one}) * vector_norm(${other})`,
    least: 1,
  },
};

/** Whether distances in so many dimensions differ by more than rounding explains. */
export const distancesDiffer = (difference: number | null, dimension: number): boolean =>
  difference !== null && difference > toleranceOf(dimension);

/** Where the sampled searches are answered. */
export interface ExactTarget {
  schema: string;
  collection: Pick<CollectionPlan, 'layout' | 'collection' | 'space'>;
}

interface Row {
  /** Place of the query, from 1 on. */
  query: number;
  source_id: string;
  /** As pgvector has it, and as Chroma. */
  farness: number;
  distance: number;
  magnitude: number;
  vector: string;
}

/**
 * The sampled searches, or as many of them as there is time for, answered by passes over the whole table: each vector is
 * brought in once for many of them. No neighbour is farther than the tenth of any rows, so that of the rest only those
 * are sorted that come as near.
 */
export async function exactAnswers(
  client: pg.Client,
  target: ExactTarget,
  { queries, records }: Pick<SampledSearches, 'queries' | 'records'>,
  seconds = EXACT_SECONDS,
): Promise<ExactAnswer[]> {
  const answers: ExactAnswer[] = [];
  const end = performance.now() + 1000 * seconds;
  // The rows that a bound was made of shall be there when it counts.
  await client.query('begin isolation level repeatable read read only');
  // Compiling takes longer than it saves: the time goes into pgvector's own functions.
  await client.query(`set local jit = off; ${SHARED_OUT_LOCALLY}`);
  while (answers.length < queries.length) {
    const some = queries.slice(answers.length, answers.length + QUERIES_A_PASS);
    const begun = performance.now();
    const first = await nearestRows(client, target, some, [], sampleOf(records));
    const now = performance.now();
    const needed = (now - begun) * (records / firstRows(records));
    const affordable = Math.floor(some.length * Math.min(1, Math.max(0, (end - now) / needed)));
    const asked = some.slice(0, answers.length === 0 ? Math.max(1, affordable) : affordable);
    if (asked.length === 0) break;
    const most = first.map((rows) => (rows.length < NEIGHBOURS ? null : rows.at(-1)!.farness));
    const found = await nearestRows(client, target, asked, most);
    answers.push(...found.map((rows, at) => exactAnswer(rows, asked[at]!.embedding.length, target)));
    if (asked.length < some.length) break;
  }
  await client.query('rollback');
  return answers;
}

/** Whole pages of a table of so many records: the first rows alone may all be of one kind. */
function sampleOf(records: number): string {
  const rows = firstRows(records);
  return records > rows
    ? ` tablesample system (${(100 * rows) / records}) limit ${2 * rows}`
    : ` limit ${rows}`;
}

function exactAnswer(rows: Row[], dimension: number, { collection }: ExactTarget): ExactAnswer {
  const { least } = DISTANCES[collection.space];
  return {
    ...answerOf(rows),
    scales: rows.map((row) => Math.max(least, Math.abs(row.distance), Number(row.magnitude))),
    tolerance: toleranceOf(dimension),
    vectors: rows.map(({ vector }) => vector),
  };
}

/**
 * The rows nearest to each query, nearest first.
 * @param most no row is farther from the query of the same place; null where any may be
 * @param sample of all rows only some, in SQL
 */
async function nearestRows(
  client: pg.Client,
  { schema, collection }: ExactTarget,
  queries: SampledSearches['queries'],
  most: readonly (number | null)[],
  sample = '',
): Promise<Row[][]> {
  const { operator, chroma, magnitude } = DISTANCES[collection.space];
  const { vectors, carried, record, join } = layoutOf(collection);
  const text = filled(exactSearches, {
    ...{ schema: pg.escapeIdentifier(schema), vectors: pg.escapeIdentifier(vectors), operator },
    ...{
      source_id: record.sourceId,
      carried: columnsOf('v', carried),
      join: join(pg.escapeIdentifier(schema)),
    },
    chroma_distance: chroma('n.distance'),
    magnitude: magnitude('n.embedding', '($1::vector[])[n.query]'),
    count: String(NEIGHBOURS),
    found: String(NEIGHBOURS * queries.length),
    sample,
  });
  const { rows } = await client.query<Row>(text, [
    queries.map(({ embedding }) => toSql(embedding)),
    // To Postgres nothing is more than NaN.
    queries.map((_, at) => most[at] ?? Number.NaN),
  ]);
  const ofQuery = Map.groupBy(rows, ({ query }) => query);
  return queries.map((_, at) => ofQuery.get(at + 1) ?? []);
}
