import type { Benchmark, Side, ThroughputFigures } from '../../src/benchmark/benchmark.ts';

const throughput = (clients: number, chroma: number, postgres: number): Record<Side, ThroughputFigures> => {
  const side = (perSecond: number): ThroughputFigures => ({
    ...{ clients, perSecond, searches: perSecond * 3, p95: 1000 / perSecond, clientLoad: 0.3 },
  });
  return { chroma: side(chroma), postgres: side(postgres) };
};

/** Figures of no real measurement, for what is drawn and printed of them. */
export const sampleBenchmark = (different: Partial<Benchmark> = {}): Benchmark => ({
  measuredAt: '2026-11-20T09:15:00Z',
  ...{ collection: 'support <tickets>', schema: 'support_tickets', records: 120_000, dimension: 1536 },
  ...{ space: 'cosine', neighbours: 10, queries: 100 },
  versions: { chroma: '1.4.4', postgres: '17.5', pgvector: '0.8.4' },
  latency: {
    chroma: { searches: 300, p50: 12, p95: 20, p99: 31 },
    postgres: { searches: 300, p50: 3, p95: 40, p99: 62 },
  },
  throughput: [throughput(1, 80, 320), throughput(10, 210, 1400), throughput(50, 200, 1500)],
  recall: { chroma: 0.988, postgres: 0.992, efSearch: 100 },
  storage: { postgres: { dataBytes: 1.1e9, indexBytes: 0.9e9 }, chroma: { bytes: 3e9 } },
  backup: {
    ...{ tool: 'pg_dump 17.5', dumpSeconds: 30, dumpBytes: 8e8, restoreSeconds: 61, reason: null },
  },
  ...different,
});
