import type { Benchmark } from '../../src/benchmark/benchmark.ts';
import { bytes, measure, milliseconds, recall, seconds } from '../../src/report/html-numbers.ts';

/** One line of the guide's table. */
export interface BenchmarkRow {
  metric: string;
  chroma: string;
  postgres: string;
  /** How many times better Postgres is; null where that makes no sense. */
  ratio: number | null;
  note: string | null;
}

/** The program that asked used more than this share of a processor: then its own speed was measured too. */
const CLIENT_WAS_THE_LIMIT = 0.9;

/** The guide's table, measured, and what it leaves out. Pure. */
export function benchmarkRows({
  latency,
  throughput,
  recall: found,
  storage,
  backup,
}: Benchmark): BenchmarkRow[] {
  const row = (
    metric: string,
    [chroma, postgres]: [string, string],
    ratio: number | null = null,
    note: string | null = null,
  ): BenchmarkRow => ({ metric, chroma, postgres, ratio, note });
  const ofLatency = (share: 'p50' | 'p95' | 'p99') =>
    row(
      `Search latency (${share})`,
      [milliseconds(latency.chroma[share]), milliseconds(latency.postgres[share])],
      latency.chroma[share] / latency.postgres[share],
    );
  const postgresBytes = storage.postgres.dataBytes + storage.postgres.indexBytes;
  const share = (value: number | null) => (value === null ? '–' : recall(value));
  return [
    ...(['p50', 'p95', 'p99'] as const).map(ofLatency),
    ...throughput.map(({ chroma, postgres }) =>
      row(
        `Queries a second, ${chroma.clients} ${chroma.clients === 1 ? 'client' : 'clients'}`,
        [measure(chroma.perSecond), measure(postgres.perSecond)],
        postgres.perSecond / chroma.perSecond,
        Math.max(chroma.clientLoad, postgres.clientLoad) > CLIENT_WAS_THE_LIMIT
          ? 'the asking program was the limit'
          : null,
      ),
    ),
    row('Recall@10', [share(found.chroma), share(found.postgres)]),
    row(
      'Storage',
      [storage.chroma ? bytes(storage.chroma.bytes) : 'its API does not say', bytes(postgresBytes)],
      storage.chroma ? storage.chroma.bytes / postgresBytes : null,
      `of it ${bytes(storage.postgres.indexBytes)} indexes`,
    ),
    row(
      'Backup',
      ['–', backup.dumpSeconds === null ? 'not measured' : seconds(backup.dumpSeconds)],
      null,
      backup.dumpBytes === null ? backup.reason : `${backup.tool}, ${bytes(backup.dumpBytes)}`,
    ),
    row(
      'Restore',
      ['–', backup.restoreSeconds === null ? 'not measured' : seconds(backup.restoreSeconds)],
      null,
      backup.restoreSeconds === null ? backup.reason : 'indexes included',
    ),
  ];
}

export const ratioText = (ratio: number | null): string =>
  ratio === null || !Number.isFinite(ratio) ? '' : `${measure(ratio)}×`;
