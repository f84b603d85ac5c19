/** Reports of runs, as different as they may come. */
import { MigrationInput } from '../../src/migration-input.ts';
import type { RunReport } from '../../src/report/report.ts';
import { moment, sampleCollection, samplePlan, sampleShards } from './sample-parts.ts';

/** A run with all that a report can show: three collections, rejects, warnings, settings. */
export function sampleReport(overrides: Partial<RunReport> = {}): RunReport {
  const collections = [
    sampleCollection(
      samplePlan({
        collection: 'support-tickets',
        schema: 'support_tickets',
        records: 182_400,
        shards: 5,
        bytes: 310e6,
      }),
      { recall: 0.986, seed: 2 },
    ),
    sampleCollection(
      samplePlan({
        collection: 'product.manuals',
        schema: 'product_manuals',
        dimension: 1536,
        records: 96_250,
        shards: 10,
        bytes: 640e6,
      }),
      { recall: 0.994, rejected: 3, seed: 3 },
    ),
    sampleCollection(
      samplePlan({
        collection: 'code',
        schema: 'code',
        space: 'l2',
        records: 41_020,
        shards: 2,
        bytes: 70e6,
      }),
      {
        recall: 0.998,
        seed: 4,
      },
    ),
  ];
  return {
    version: 1,
    run: 'nightly',
    status: 'succeeded',
    error: null,
    startedAt: moment(0),
    finishedAt: moment(171),
    source: { version: '1.4.4' },
    target: { postgresVersion: '17.9', pgvectorVersion: '0.8.0' },
    store: 's3://vector-migration/production',
    options: MigrationInput.parse({ onReject: 'quarantine', concurrency: 4 }),
    warnings: [
      'pgvector 0.8.0 is older than 0.8.4, which fixed a possible index corruption: update it before you rely on the indexes.',
    ],
    collections,
    shards: sampleShards(collections),
    rejects: [
      {
        schema: 'product_manuals',
        shard: 4,
        id: 'manual-8812#31',
        reason: 'nul-in-document',
        detail: 'The document holds a NUL at character 1,204, which Postgres text cannot hold.',
      },
      {
        schema: 'product_manuals',
        shard: 4,
        id: 'manual-8812#32',
        reason: 'nul-in-metadata',
        detail: 'metadata.title holds a NUL.',
      },
      {
        schema: 'product_manuals',
        shard: 9,
        id: 'manual-9120#2',
        reason: 'embedding-not-finite',
        detail: 'Component 17 of the embedding is missing.',
      },
    ],
    rejected: 3,
    repaired: 0,
    indexBuilds: collections.flatMap(({ plan }, index) => [
      {
        schema: plan.schema,
        index: 'idx_embeddings_vector',
        ddl: `create index idx_embeddings_vector on ${plan.schema}.embeddings using hnsw (embedding vector_cosine_ops) with (m = 16, ef_construction = 100)`,
        startedAt: moment(90 + index * 20),
        finishedAt: moment(108 + index * 21),
        state: 'valid',
        error: null,
        spillsAfter: null,
      },
      {
        schema: plan.schema,
        index: 'idx_documents_metadata',
        ddl: `create index idx_documents_metadata on ${plan.schema}.documents using gin (metadata)`,
        startedAt: moment(85),
        finishedAt: moment(85.8),
        state: 'valid',
        error: null,
        spillsAfter: null,
      },
    ]),
    parameters: [
      {
        name: 'maintenance_work_mem',
        scope: 'instance',
        oldValue: '274776',
        newValue: '2516582',
        unit: 'kB',
        reason: 'Holds the largest HNSW graph while it is built, up to 15 percent of memory.',
        needsReboot: false,
        applied: false,
      },
      {
        name: 'shared_buffers',
        scope: 'instance',
        oldValue: '16384',
        newValue: '524288',
        unit: '8kB',
        reason: 'A quarter of memory.',
        needsReboot: true,
        applied: false,
      },
      {
        name: 'hnsw.ef_search',
        scope: 'database',
        oldValue: '40',
        newValue: '100',
        unit: null,
        reason: 'What Chroma searched with.',
        needsReboot: false,
        applied: true,
      },
    ],
    seconds: { total: 171, export: 71.2, import: 64.5, index: 62, verify: 8.4 },
    ...overrides,
  };
}

/** As little as a report can hold: the run failed before anything was known. */
export function emptyReport(overrides: Partial<RunReport> = {}): RunReport {
  return sampleReport({
    status: 'failed',
    error: {
      name: 'SourceUnavailable',
      message: 'Chroma at http://localhost:8000 does not answer: start it or check --source.',
      state: 'Plan',
    },
    source: { version: '' },
    target: { postgresVersion: '', pgvectorVersion: '' },
    warnings: [],
    collections: [],
    shards: [],
    rejects: [],
    rejected: 0,
    repaired: 0,
    indexBuilds: [],
    parameters: [],
    seconds: { total: 0, export: 0, import: 0, index: 0, verify: 0 },
    ...overrides,
  });
}

/** The run stopped amid the shards: times, checksums and verifications are missing. */
export function interruptedReport(): RunReport {
  const whole = sampleReport();
  return {
    ...whole,
    status: 'failed',
    error: {
      name: 'TargetFull',
      message:
        'Postgres at db.example.com:5432/vectors has no room left on its disk: enlarge its storage, then go on with --run nightly.',
      state: 'ImportShard',
    },
    collections: whole.collections.map((collection, index) => ({
      ...collection,
      loaded: index === 0 ? 120_000 : 0,
      checksum: { source: index === 0 ? collection.checksum.source : null, store: null, target: null },
      verification: null,
      indexes: [],
      published: false,
    })),
    shards: whole.shards.map((shard, index) => {
      if (index < 5) return shard;
      if (index < 8) return { ...shard, loaded: 0, importedAt: null };
      return {
        ...shard,
        loaded: 0,
        bytes: 0,
        exportStartedAt: null,
        exportedAt: null,
        importStartedAt: null,
        importedAt: null,
      };
    }),
    indexBuilds: [],
    parameters: [],
    seconds: { total: 92, export: 71.2, import: 64.5, index: 0, verify: 0 },
  };
}

export function hugeReport(collections: number, shardsEach: number): RunReport {
  const many = Array.from({ length: collections }, (_, index) =>
    sampleCollection(
      samplePlan({
        collection: `tenant-${index}`,
        schema: `tenant_${index}`,
        records: 1000 * shardsEach,
        shards: shardsEach,
        bytes: 6.4e7 * shardsEach,
      }),
      { recall: 0.9 + ((index * 37) % 100) / 1000, seed: index },
    ),
  );
  return sampleReport({
    collections: many,
    shards: sampleShards(many, 16),
    indexBuilds: [],
    rejects: [],
    rejected: 0,
    repaired: 0,
    seconds: { total: 5200, export: 5000, import: 4900, index: 60, verify: 80 },
  });
}

/** Of a run that brought live tables up to date: the first collection had changed, the others had not. */
export function deltaReport(deleted: boolean): RunReport {
  const report = sampleReport();
  const none = { count: 0, ids: [] };
  const same = { added: none, changed: none, missing: none, deleted, kept: 0 };
  const differing = {
    added: { count: 2, ids: ['new-1', 'new-2'] },
    changed: { count: 4, ids: ['record-1', 'record-2', 'record-3', 'record-4'] },
    missing: { count: 1, ids: ['gone'] },
  };
  return {
    ...report,
    collections: report.collections.map((one, at) => ({
      ...one,
      delta: at === 0 ? { ...same, ...differing, unchanged: 12_000 } : { ...same, unchanged: one.loaded },
    })),
  };
}
