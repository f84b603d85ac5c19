import type { ChromaCollection } from '../chroma/chroma-source.ts';
import { type HnswSettings, SPACES, type Space } from '../contract.ts';

export interface CollectionSettings {
  space: Space;
  hnsw: HnswSettings;
  model: string | null;
}

/** Chroma's own defaults (its documentation, "Configure collections"). */
const DEFAULTS = { space: 'l2', max_neighbors: 16, ef_construction: 100, ef_search: 100 } as const;

/**
 * How Chroma searches a collection. Servers before 1.0 keep it in the collection's metadata (`hnsw:space`, …)
 * and newer ones in its configuration; the metadata wins where both speak, as it was written by the person
 * who made the collection and the configuration may hold a default.
 */
export function collectionSettings(
  collection: Pick<ChromaCollection, 'metadata' | 'configuration_json'>,
): CollectionSettings {
  const configuration = asObject(collection.configuration_json);
  // Servers 0.5 and 0.6 say it in other words.
  const older = asObject(configuration.hnsw_configuration);
  const index: Record<string, unknown> = {
    ...{ ...older, max_neighbors: older.M },
    ...asObject(configuration.spann),
    ...asObject(configuration.hnsw),
  };
  const metadata = collection.metadata ?? {};
  const number = (metadataKey: string, key: 'max_neighbors' | 'ef_construction' | 'ef_search') => {
    const value = metadata[metadataKey] ?? index[key];
    return typeof value === 'number' && value > 0 ? Math.round(value) : DEFAULTS[key];
  };
  return {
    space: asSpace(metadata['hnsw:space']) ?? asSpace(index.space) ?? DEFAULTS.space,
    hnsw: {
      m: number('hnsw:M', 'max_neighbors'),
      efConstruction: number('hnsw:construction_ef', 'ef_construction'),
      efSearch: number('hnsw:search_ef', 'ef_search'),
    },
    model: embeddingModel(asObject(configuration.embedding_function)),
  };
}

function embeddingModel(embeddingFunction: Record<string, unknown>): string | null {
  const config = asObject(embeddingFunction.config);
  const named = [config.model_name, config.model, config.modelName, embeddingFunction.name];
  const isName = (name: unknown): name is string =>
    // Postgres holds no others.
    typeof name === 'string' && name !== '' && name.isWellFormed() && !name.includes('\0');
  return named.find(isName) ?? null;
}

const asSpace = (value: unknown): Space | undefined => SPACES.find((space) => space === value);

const asObject = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
