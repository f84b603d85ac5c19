import type { Plan } from '../../src/contract.ts';
import { MigrationInput, type MigrationRequest } from '../../src/migration-input.ts';

/** A run of one collection with Chroma's own settings. */
export const samplePlan = (run: string, options: MigrationRequest = {}): Plan => ({
  version: 1,
  run,
  createdAt: '2026-11-20T09:15:00Z',
  source: 'http://localhost:8000',
  sourceVersion: '1.4.4',
  options: MigrationInput.parse(options),
  collections: [
    {
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
    },
  ],
  warnings: [],
});
