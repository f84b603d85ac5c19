/** What sample reports are made of. */
import type { CollectionPlan } from '../../src/contract.ts';
import type { CollectionReport, ShardReport } from '../../src/report/report.ts';
import type { Verification } from '../../src/verify/verification.ts';

const BEGAN = Date.parse('2026-11-20T09:15:00Z');
export const moment = (second: number): string => new Date(BEGAN + second * 1000).toISOString();

/** Repeatable numbers from 0 to 1 (mulberry32), so that a failing test fails again. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function samplePlan(overrides: Partial<CollectionPlan> = {}): CollectionPlan {
  return {
    tenant: 'default_tenant',
    database: 'default_database',
    collection: 'handbook',
    collectionId: '6a3f4c52-2e0b-4dd7-9a55-0d4f5f0f6a11',
    schema: 'handbook',
    dimension: 384,
    space: 'cosine',
    records: 1000,
    shards: 1,
    bytes: 1_700_000,
    hnsw: { m: 16, efConstruction: 100, efSearch: 100 },
    indexMethod: 'hnsw',
    layout: 'guide',
    model: null,
    metadata: null,
    configuration: {},
    profile: {
      sampled: 100,
      averageDocumentBytes: 420,
      averageMetadataBytes: 90,
      averageIdBytes: 36,
      metadataKeys: [],
    },
    ...overrides,
  };
}

export function sampleCollection(
  plan: CollectionPlan,
  { rejected = 0, recall = 0.99, seed = 1 }: { rejected?: number; recall?: number; seed?: number } = {},
): CollectionReport {
  const random = randomFrom(seed);
  const loaded = plan.records - rejected;
  const checksum = String(4_611_686_018_427_387_904n + BigInt(Math.floor(random() * 2 ** 52)) * 2048n);
  const milliseconds = (typical: number) =>
    Array.from({ length: 50 }, () => typical * 2 ** ((random() + random() + random() - 1.5) * 1.6)).sort(
      (a, b) => a - b,
    );
  const verification: Verification = {
    run: 'nightly',
    schema: plan.schema,
    collection: plan.collection,
    verified: true,
    startedAt: moment(150),
    finishedAt: moment(158),
    records: { source: plan.records, planned: plan.records, loaded, rejected, vanished: 0, target: loaded },
    dimension: { source: plan.dimension, target: plan.dimension },
    checksum: { source: checksum, store: checksum, target: checksum },
    stored: Array.from({ length: plan.shards }, (_, number) => ({ number, checksum: '0' })),
    mismatches: [],
    differing: { missing: [], unexpected: [], changed: [] },
    metadataMismatches: 0,
    zeroVectors: 0,
    sparseColumns: [],
    searches: {
      sampled: 50,
      efSearch: 100,
      recallAt10: recall,
      chromaRecallAt10: Math.min(1, recall + 0.004 - random() * 0.01),
      largestDistanceDifference: 1e-7,
      neighbours: { successful: 50, found: 500, wanted: 500 },
      latencyMilliseconds: milliseconds(plan.dimension === 1536 ? 2.4 : 1.1),
      chromaLatencyMilliseconds: milliseconds(9),
      indexUsed: true,
      indexName: 'idx_embeddings_vector',
    },
    indexes: ['idx_embeddings_vector'],
  };
  return {
    plan,
    loaded,
    rejected,
    vanished: 0,
    changes: null,
    delta: null,
    checksum: { source: checksum, store: checksum, target: checksum },
    verification,
    indexes: ['embeddings_pkey', 'idx_embeddings_vector'],
    published: true,
  };
}

/** `lanes` at a time, each exporting and then importing a shard. */
export function sampleShards(collections: CollectionReport[], lanes = 4, seed = 7): ShardReport[] {
  const random = randomFrom(seed);
  const free = new Array<number>(lanes).fill(1);
  return collections.flatMap(({ plan, rejected }) =>
    Array.from({ length: plan.shards }, (_, number) => {
      const lane = free.indexOf(free.reduce((a, b) => Math.min(a, b)));
      const start = free[lane]!;
      const records = Math.floor(plan.records / plan.shards);
      const exported = start + records / (1500 + random() * 600);
      const importStarted = exported + 0.4;
      const imported = importStarted + records / (5000 + random() * 4000);
      free[lane] = imported + 0.2;
      return {
        schema: plan.schema,
        number,
        content: 'rows' as const,
        vanished: 0,
        checksum: '0',
        records,
        loaded: records - (number === 0 ? rejected : 0),
        rejected: number === 0 ? rejected : 0,
        bytes: Math.floor(plan.bytes / plan.shards),
        exportStartedAt: moment(start),
        exportedAt: moment(exported),
        importStartedAt: moment(importStarted),
        importedAt: moment(imported),
      };
    }),
  );
}
