import pg from 'pg';
import { toSql } from 'pgvector/pg';
import type { CollectionPlan, SampledSearches } from '../contract.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import { vectorIndexOf } from '../postgres/vector-index.ts';
import { exactAnswers } from './exact-searches.ts';
import { NEIGHBOURS } from './sample-searches.ts';
import { type Answer, answerOf, largestDifference, meanRecall, neighboursFound } from './search-scores.ts';
import type { Verification } from './verification.ts';

const MOST_EF_SEARCH = 1000;
/** A recall this much below Chroma's is not chance of the sample. */
const RECALL_TOLERANCE = 0.005;

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
  if (warm) await client.query(text, [toSql(warm.embedding)]);
  for (const { embedding } of queries) {
    const started = performance.now();
    const { rows } = await client.query<{ source_id: string; distance: number }>(text, [toSql(embedding)]);
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
  const explain = `explain (format json) select * from ${pg.escapeIdentifier(schema)}.search_similar(${pg.escapeLiteral(toSql(embedding))}::vector, ${NEIGHBOURS})`;
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

const below = (recall: number | null, peer: number | null) =>
  recall !== null && peer !== null && recall < peer - RECALL_TOLERANCE;

const sorted = (numbers: number[]) => [...numbers].sort((a, b) => a - b);
