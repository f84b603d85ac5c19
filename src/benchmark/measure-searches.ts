import pg from 'pg';
import { toSql } from 'pgvector/pg';
import type { RecordSource } from '../chroma/record-source.ts';
import { CollectionNotFound } from '../errors.ts';
import type { Database } from '../postgres/database.ts';
import { ascending, percentile } from '../report/figures.ts';
import type { LiveCollection } from '../tune/live-collections.ts';
import { exactAnswers } from '../verify/exact-searches.ts';
import { NEIGHBOURS, recordAt } from '../verify/sample-searches.ts';
import { type Answer, meanRecall } from '../verify/search-scores.ts';
import {
  type Benchmark,
  CLIENTS,
  type LatencyFigures,
  SIDES,
  type Side,
  type ThroughputFigures,
} from './benchmark.ts';

export interface SearchSettings {
  /** Different vectors that are searched for. */
  queries: number;
  /** For how long each number of clients asks each side. */
  seconds: number;
  signal: AbortSignal;
  /** Told what is being measured, and how far it is. */
  onProgress: (what: string, share: number) => void;
}

export interface SearchContext {
  chroma: RecordSource;
  database: Database;
  live: LiveCollection & { dimension: number };
}

/** Each query is asked so often of each side: over 100 searches a 99th percentile means something. */
const ROUNDS = 3;
/** No more rounds are begun after so long. */
const LATENCY_SECONDS = 60;
/** Recall needs exact scans of the whole table: of so many queries at most. */
const EXACT_QUERIES = 50;

type Ask = (embedding: number[]) => Promise<Answer>;
type Measured = Pick<Benchmark, 'queries' | 'latency' | 'throughput' | 'recall'>;

/**
 * Latency, throughput and recall of both sides on the same queries, in turn, so that what else the machine does
 * meets both alike. Reads only.
 */
export async function measureSearches(context: SearchContext, settings: SearchSettings): Promise<Measured> {
  const queries = await sampleQueries(context, settings);
  const clients: pg.Client[] = [];
  try {
    for (let client = 0; client < Math.max(...CLIENTS); client++)
      clients.push(await context.database.connect('bench'));
    const asks: Record<Side, Ask[]> = {
      chroma: clients.map(() => askChroma(context)),
      postgres: clients.map((client) => askPostgres(context, client)),
    };
    const latency = await measureLatency(asks, queries, settings);
    const recall = await measureRecall(context, clients[0]!, asks, queries, settings);
    const throughput: Measured['throughput'] = [];
    for (const [level, number] of CLIENTS.entries()) {
      const figures = {} as Record<Side, ThroughputFigures>;
      for (const [turn, side] of SIDES.entries()) {
        settings.onProgress(
          number === 1 ? '1 client' : `${number} clients`,
          (2 * level + turn) / (2 * CLIENTS.length),
        );
        figures[side] = await measureThroughput(asks[side].slice(0, number), queries, settings);
      }
      throughput.push(figures);
    }
    return { queries: queries.length, latency, throughput, recall };
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  }
}

const askChroma =
  ({ chroma, live }: SearchContext): Ask =>
  async (embedding) => {
    const [nearest] = await chroma.nearest(live, [embedding], NEIGHBOURS);
    return nearest ?? { ids: [], distances: [] };
  };

function askPostgres({ live: { schema } }: SearchContext, client: pg.Client): Ask {
  const text = `select source_id, distance from ${pg.escapeIdentifier(schema)}.search_nearest($1::vector, ${NEIGHBOURS})`;
  return async (embedding) => {
    const { rows } = await client.query<{ source_id: string; distance: number }>(text, [toSql(embedding)]);
    return { ids: rows.map((row) => row.source_id), distances: rows.map((row) => Number(row.distance)) };
  };
}

/** Vectors of the collection's own records, spread evenly over it. */
async function sampleQueries({ chroma, live }: SearchContext, settings: SearchSettings): Promise<number[][]> {
  const records = await chroma.count(live);
  const wanted = Math.min(settings.queries, records);
  const found: number[][] = [];
  for (let query = 0; query < wanted; query++) {
    settings.signal.throwIfAborted();
    settings.onProgress('queries', query / wanted);
    const record = await recordAt(chroma, live, Math.floor(((query + 0.5) * records) / wanted));
    if (record) found.push(record.embedding);
  }
  if (found.length === 0)
    throw new CollectionNotFound(
      `Collection "${live.collection}" holds no vector that can be searched for: choose another with --collection.`,
    );
  return found;
}

async function measureLatency(
  asks: Record<Side, Ask[]>,
  queries: number[][],
  { signal, onProgress }: SearchSettings,
): Promise<Record<Side, LatencyFigures>> {
  const milliseconds: Record<Side, number[]> = { chroma: [], postgres: [] };
  // The first search of a connection also pays for what is loaded then.
  for (const side of SIDES) await asks[side][0]!(queries[0]!);
  const started = performance.now();
  for (let round = 0; round < ROUNDS; round++) {
    if (performance.now() - started > LATENCY_SECONDS * 1000) break;
    for (const [at, query] of queries.entries()) {
      signal.throwIfAborted();
      onProgress('latency', (round + at / queries.length) / ROUNDS);
      for (const side of (at + round) % 2 === 0 ? SIDES : SIDES.toReversed()) {
        const asked = performance.now();
        await asks[side][0]!(query);
        milliseconds[side].push(performance.now() - asked);
      }
    }
  }
  return { chroma: latencyFigures(milliseconds.chroma), postgres: latencyFigures(milliseconds.postgres) };
}

function latencyFigures(milliseconds: number[]): LatencyFigures {
  const sorted = ascending(milliseconds);
  const of = (share: number) => percentile(sorted, share)!;
  return { searches: sorted.length, p50: of(0.5), p95: of(0.95), p99: of(0.99) };
}

/** All clients ask one search after the other until the time is over. */
async function measureThroughput(
  asks: Ask[],
  queries: number[][],
  { seconds, signal }: SearchSettings,
): Promise<ThroughputFigures> {
  const milliseconds: number[] = [];
  const started = performance.now();
  const cpu = process.cpuUsage();
  const until = started + seconds * 1000;
  await Promise.all(
    asks.map(async (ask, client) => {
      // Clients begin at different queries, so that they do not ask for the same pages at once.
      let next = Math.floor((client * queries.length) / asks.length);
      while (performance.now() < until) {
        signal.throwIfAborted();
        const asked = performance.now();
        await ask(queries[next++ % queries.length]!);
        milliseconds.push(performance.now() - asked);
      }
    }),
  );
  const elapsed = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  return {
    clients: asks.length,
    searches: milliseconds.length,
    perSecond: milliseconds.length / (elapsed / 1000),
    p95: percentile(ascending(milliseconds), 0.95)!,
    clientLoad: (user + system) / 1000 / elapsed,
  };
}

/** Both answers against an exact scan of the table, with the search settings that a session of the database has. */
async function measureRecall(
  { live }: SearchContext,
  client: pg.Client,
  asks: Record<Side, Ask[]>,
  queries: number[][],
  { signal, onProgress }: SearchSettings,
): Promise<Benchmark['recall']> {
  const some = queries.slice(0, EXACT_QUERIES);
  onProgress('recall', 0);
  const { rows } = await client.query<{ efSearch: number | null }>(
    `select current_setting('hnsw.ef_search', true)::integer as "efSearch"`,
  );
  const exact = await exactAnswers(
    client,
    { schema: live.schema, collection: live },
    {
      ...{ schema: live.schema, records: live.records, dimension: live.dimension },
      queries: some.map((embedding) => ({ id: '', embedding, ids: [], distances: [], milliseconds: 0 })),
    },
  );
  const recallOf = async (side: Side) => {
    const answers: Answer[] = [];
    for (const query of some.slice(0, exact.length)) {
      signal.throwIfAborted();
      answers.push(await asks[side][0]!(query));
    }
    return meanRecall(answers, exact);
  };
  return {
    chroma: await recallOf('chroma'),
    postgres: await recallOf('postgres'),
    efSearch: live.indexMethod === 'hnsw' ? (rows[0]?.efSearch ?? null) : null,
  };
}
