import pg from 'pg';
import type { CollectionPlan, SampledSearches, Space } from '../contract.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import { columnsOf } from '../postgres/search-functions.ts';
import { SHARED_OUT_LOCALLY } from '../postgres/shared-scan.ts';
import { vectorIndexOf } from '../postgres/vector-index.ts';
import { NEIGHBOURS } from './sample-searches.ts';
import type { Verification } from './verification.ts';

/** A search's answer: record ids with Chroma's kind of distance, nearest first. */
export interface Answer {
  ids: string[];
  distances: number[];
}

/** An exact answer, and of each distance the size of what it was summed up from. */
export interface ExactAnswer extends Answer {
  scales: number[];
  /** How far another sum of these may be from ours, as a share of its scale. */
  tolerance: number;
  /** SHA-256 of each record's vector. */
  vectors: string[];
}

/** Exact scans read the whole table; past this many seconds no further ones are begun. */
const EXACT_SECONDS = 60;
const MOST_EF_SEARCH = 1000;
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

/** A recall this much below Chroma's is not chance of the sample. */
const RECALL_TOLERANCE = 0.005;

/** pgvector's operator and Chroma's distance made of it (design: l2 is squared, ip is 1 − dot). */
const DISTANCES: Record<
  Space,
  { operator: string; chroma: (distance: string) => string; magnitude: string; least: number }
> = {
  // Squares are summed up, of which none cancels another out, so that a short distance is as exact as a long one. Only
  // those below 1.2e-38 lose bits, or all: of 16,000 that is 2e-34.
  l2: { operator: '<->', chroma: (distance) => `${distance} * ${distance}`, magnitude: '0', least: 1e-27 },
  // Both take vectors for shorter than they are whose squares are below what a float32 tells apart (1.2e-38), each in
  // its own way: such a distance is compared with nothing.
  cosine: {
    operator: '<=>',
    chroma: (distance) => distance,
    magnitude: `case when least(vector_norm(embedding), vector_norm($1::vector)) < 1e-16 then 'NaN' else 0::float8 end`,
    least: 1,
  },
  // Products of long vectors cancel each other out: what is left of their sum says nothing of its rounding.
  ip: {
    operator: '<#>',
    chroma: (distance) => `1 + ${distance}`,
    magnitude: 'vector_norm(embedding) * vector_norm($1::vector)',
    least: 1,
  },
};

export interface SearchTarget {
  /** Schema that holds the tables now. */
  schema: string;
  collection: CollectionPlan;
  efSearch: number;
}

/**
 * Asks Postgres what Chroma was asked, through the index and by an exact scan, and compares: recall@10 of
 * both against the exact answer, distances, latency, and EXPLAIN's word that the index is used. Where the
 * recall is below Chroma's, `hnsw.ef_search` is doubled until it is not.
 *
 * @param client not within a transaction; `hnsw.ef_search` is the database's again afterwards
 */
export async function compareSearches(
  client: pg.Client,
  target: SearchTarget,
  samples: SampledSearches,
): Promise<Verification['searches']> {
  const indexName = await vectorIndex(client, target);
  const exact = await exactAnswers(client, target, samples);
  const queries = samples.queries.slice(0, exact.length);
  const isAnswered = samples.queries.some(({ ids }) => ids.length > 0);
  const chroma = (isAnswered ? queries : []).map(({ ids, distances }) => ({
    ids,
    distances: distances.map((d) => d ?? Number.NaN),
  }));
  const chromaRecallAt10 = meanRecall(chroma, exact);
  let efSearch = target.efSearch;
  let found = await indexedAnswers(client, target, queries, efSearch);
  while (
    indexName &&
    below(meanRecall(found.answers, exact), chromaRecallAt10) &&
    efSearch < MOST_EF_SEARCH
  ) {
    efSearch = Math.min(MOST_EF_SEARCH, efSearch * 2);
    found = await indexedAnswers(client, target, queries, efSearch);
  }
  const first = queries[0];
  const indexUsed =
    indexName && first ? await usesIndex(client, target.schema, first.embedding, indexName) : null;
  await client.query('reset hnsw.ef_search');
  return {
    sampled: queries.length,
    neighbours: neighboursFound(found.answers, exact),
    recallAt10: meanRecall(found.answers, exact),
    chromaRecallAt10,
    largestDistanceDifference: largestDifference(chroma, exact, samples.vectors),
    efSearch: indexName ? efSearch : null,
    latencyMilliseconds: sorted(found.milliseconds),
    chromaLatencyMilliseconds: isAnswered
      ? sorted(samples.queries.map(({ milliseconds }) => milliseconds))
      : [],
    indexUsed,
    indexName,
  };
}

/** Whether distances in so many dimensions differ by more than rounding explains. */
export const distancesDiffer = (difference: number | null, dimension: number): boolean =>
  difference !== null && difference > toleranceOf(dimension);

export async function exactAnswers(
  client: pg.Client,
  target: { schema: string; collection: Pick<CollectionPlan, 'layout' | 'collection' | 'space'> },
  samples: SampledSearches,
): Promise<ExactAnswer[]> {
  const { operator, chroma, magnitude, least } = DISTANCES[target.collection.space];
  const { vectors, carried, record, join } = layoutOf(target.collection);
  const schema = pg.escapeIdentifier(target.schema);
  const answers: ExactAnswer[] = [];
  const started = performance.now();
  await client.query('begin');
  await client.query(`set local enable_indexscan = off; ${SHARED_OUT_LOCALLY}`);
  for (const { embedding } of samples.queries) {
    if (performance.now() - started > EXACT_SECONDS * 1000) break;
    const { rows } = await client.query<{
      source_id: string;
      distance: number;
      magnitude: number;
      vector: string;
    }>(
      `select ${record.sourceId} as source_id, ${chroma('n.distance')} as distance, n.magnitude,
              encode(sha256(vector_send(n.embedding)), 'hex') as vector
         from (select ${columnsOf('e', carried)}, embedding, embedding ${operator} $1::vector as distance, ${magnitude} as magnitude
                 from ${schema}.${pg.escapeIdentifier(vectors)} e order by distance limit ${NEIGHBOURS}) n
         ${join(schema)}
        order by n.distance`,
      [vectorText(embedding)],
    );
    answers.push({
      ...answerOf(rows),
      scales: rows.map((row) => Math.max(least, Math.abs(row.distance), Number(row.magnitude))),
      tolerance: toleranceOf(embedding.length),
      vectors: rows.map(({ vector }) => vector),
    });
  }
  await client.query('rollback');
  return answers;
}

async function indexedAnswers(
  client: pg.Client,
  { schema }: SearchTarget,
  queries: SampledSearches['queries'],
  efSearch: number,
): Promise<{ answers: Answer[]; milliseconds: number[] }> {
  // The setting exists only once the library is loaded.
  await client.query("select '[1]'::vector");
  await client.query(`select set_config('hnsw.ef_search', $1, false)`, [String(efSearch)]);
  const answers: Answer[] = [];
  const milliseconds: number[] = [];
  const text = `select source_id, distance from ${pg.escapeIdentifier(schema)}.search_nearest($1::vector, ${NEIGHBOURS})`;
  // The first search of a session also pays for the plan and for loading the catalogue.
  const [warm] = queries;
  if (warm) await client.query(text, [vectorText(warm.embedding)]);
  for (const { embedding } of queries) {
    const started = performance.now();
    const { rows } = await client.query<{ source_id: string; distance: number }>(text, [
      vectorText(embedding),
    ]);
    milliseconds.push(performance.now() - started);
    answers.push(answerOf(rows));
  }
  return { answers, milliseconds };
}

/** Name of the approximate index; of several, that of the collection's own space. */
async function vectorIndex(client: pg.Client, { schema, collection }: SearchTarget): Promise<string | null> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name
       from pg_index i
       join pg_class c on c.oid = i.indexrelid
       join pg_am a on a.oid = c.relam
       join pg_opclass o on o.oid = i.indclass[0]
      where i.indrelid = to_regclass($1) and i.indisvalid and a.amname in ('hnsw', 'ivfflat')
      order by o.opcname = $2 desc`,
    [
      `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(layoutOf(collection).vectors)}`,
      vectorIndexOf(collection)?.operatorClass,
    ],
  );
  return rows[0]?.name ?? null;
}

/** @returns null where the planner could use the index and finds the whole table cheaper */
export async function usesIndex(
  client: pg.Client,
  schema: string,
  embedding: number[],
  index: string,
): Promise<boolean | null> {
  // A literal, as the planner would see it from a client that sends simple queries.
  const explain = `explain (format json) select * from ${pg.escapeIdentifier(schema)}.search_similar(${pg.escapeLiteral(vectorText(embedding))}::vector, ${NEIGHBOURS})`;
  const namesIndex = async () => {
    const { rows } = await client.query<{ 'QUERY PLAN': unknown }>(explain);
    return JSON.stringify(rows[0]?.['QUERY PLAN']).includes(`"Index Name":${JSON.stringify(index)}`);
  };
  if (await namesIndex()) return true;
  await client.query('begin');
  await client.query('set local enable_seqscan = off');
  await client.query('set local enable_sort = off');
  const possible = await namesIndex();
  await client.query('rollback');
  return possible ? null : false;
}

/** Mean share of the exact nearest that the answers have; a tie with the last of them counts. */
export function meanRecall(answers: Answer[], exact: ExactAnswer[]): number | null {
  const shares = exact.flatMap((truth, query) => {
    const answer = answers[query];
    return answer && truth.ids.length > 0 ? [hits(answer, truth) / truth.ids.length] : [];
  });
  return shares.length === 0 ? null : shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** How many of the exact nearest were found in all, and in how many searches the very nearest. */
function neighboursFound(answers: Answer[], exact: ExactAnswer[]): Verification['searches']['neighbours'] {
  const sum = { successful: 0, found: 0, wanted: 0 };
  exact.forEach((truth, query) => {
    const answer = answers[query];
    if (!answer || truth.ids.length === 0) return;
    sum.found += hits(answer, truth);
    sum.wanted += truth.ids.length;
    const nearest = { ...truth, ids: truth.ids.slice(0, 1), distances: truth.distances.slice(0, 1) };
    if (hits(answer, nearest) > 0) sum.successful++;
  });
  return sum;
}

/** Of the exact nearest, as many as the answer has; one as near as the last of them counts. */
function hits(answer: Answer, truth: ExactAnswer): number {
  const nearest = new Set(truth.ids);
  const last = truth.ids.length - 1;
  const limit = truth.distances[last]! + truth.tolerance * truth.scales[last]!;
  const found = answer.ids.filter((id, at) => nearest.has(id) || (answer.distances[at] as number) <= limit);
  return Math.min(truth.ids.length, found.length);
}

const below = (recall: number | null, peer: number | null) =>
  recall !== null && peer !== null && recall < peer - RECALL_TOLERANCE;

/**
 * Relative to what the distances were summed up from: under l2 that is the distance, under cosine and ip at least the 1
 * that Chroma subtracts from. Distances that are no numbers (of zero vectors, or beyond float32) have none at all.
 */
function largestDifference(
  chroma: Answer[],
  exact: ExactAnswer[],
  vectors: SampledSearches['vectors'],
): number | null {
  const differences = exact.flatMap((truth, query) => {
    const theirs = chroma[query];
    return truth.ids.map((id, at) => {
      // Somebody has changed the record since it was read.
      if (vectors && vectors[id] !== truth.vectors[at]) return Number.NaN;
      const distance = theirs?.distances[theirs.ids.indexOf(id)] ?? Number.NaN;
      const ours = truth.distances[at] as number;
      return Math.abs(distance - ours) / (truth.scales[at] as number);
    });
  });
  const comparable = differences.filter(Number.isFinite);
  return comparable.length === 0 ? null : Math.max(...comparable);
}

const answerOf = (rows: { source_id: string; distance: number }[]): Answer => ({
  ids: rows.map((row) => row.source_id),
  distances: rows.map((row) => Number(row.distance)),
});

const vectorText = (embedding: number[]) => `[${embedding.join(',')}]`;

const sorted = (numbers: number[]) => [...numbers].sort((a, b) => a - b);
