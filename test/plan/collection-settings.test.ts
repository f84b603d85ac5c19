import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { collectionSettings } from '../../src/plan/collection-settings.ts';

const collection = (metadata: Record<string, unknown> | null, configuration_json: unknown) => ({
  ...{ id: 'x', name: 'x', tenant: 't', database: 'd', dimension: 3 },
  metadata,
  configuration_json,
});

describe("a collection's settings", () => {
  it('come from the configuration of servers since 1.0', () => {
    const hnsw = { space: 'cosine', ef_construction: 200, ef_search: 50, max_neighbors: 32 };
    const embedding_function = {
      type: 'known',
      name: 'openai',
      config: { model_name: 'text-embedding-3-small' },
    };
    assert.deepEqual(collectionSettings(collection(null, { hnsw, embedding_function })), {
      space: 'cosine',
      hnsw: { m: 32, efConstruction: 200, efSearch: 50 },
      model: 'text-embedding-3-small',
    });
  });

  it('come from the metadata of older collections', () => {
    const metadata = { 'hnsw:space': 'ip', 'hnsw:M': 24, 'hnsw:construction_ef': 120, 'hnsw:search_ef': 80 };
    assert.deepEqual(collectionSettings(collection(metadata, null)), {
      space: 'ip',
      hnsw: { m: 24, efConstruction: 120, efSearch: 80 },
      model: null,
    });
  });

  it('are Chroma’s defaults where nothing is said', () => {
    assert.deepEqual(collectionSettings(collection(null, {})), {
      space: 'l2',
      hnsw: { m: 16, efConstruction: 100, efSearch: 100 },
      model: null,
    });
  });
});
