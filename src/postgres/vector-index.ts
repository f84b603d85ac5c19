import type { CollectionPlan, HnswSettings, Space } from '../contract.ts';

/** Most dimensions of an HNSW or ivfflat index by type (pgvector README, "Indexing"). */
const MOST_VECTOR = 2000;
const MOST_HALFVEC = 4000;

/** What the index holds of a vector: all of it, each component in half precision, or its sign alone. */
export type ValueType = 'vector' | 'halfvec' | 'bit';

export const indexedType = (dimension: number): ValueType =>
  dimension <= MOST_VECTOR ? 'vector' : dimension <= MOST_HALFVEC ? 'halfvec' : 'bit';

/** What is less than this is rounded to the largest number of half precision, 65,504. */
const HALFVEC_OVERFLOW = 65_520;

/** Whether the index of so many dimensions can hold the vector, and be asked for it. */
export function fitsIndex(vector: Float32Array): boolean {
  if (vector.length <= MOST_VECTOR || vector.length > MOST_HALFVEC) return true;
  for (const component of vector) if (Math.abs(component) >= HALFVEC_OVERFLOW) return false;
  return true;
}

/** How a collection's embeddings are indexed. */
export interface VectorIndex {
  /** What is indexed, of a column or of a query. */
  expression: (embedding: string) => string;
  operatorClass: string;
  operator: string;
  /** Candidates that are taken from the index for each match and ranked again by the full vector; null: none. */
  candidates: number | null;
  method: string;
  options: string;
}

const OPERATORS: Record<Space, string> = { l2: '<->', cosine: '<=>', ip: '<#>' };

/** null for a collection without a dimension. */
export function vectorIndexOf(plan: CollectionPlan): VectorIndex | null {
  const { dimension, space } = plan;
  if (dimension === null) return null;
  if (dimension <= MOST_VECTOR)
    return {
      expression: (embedding) => embedding,
      operatorClass: `vector_${space}_ops`,
      operator: OPERATORS[space],
      candidates: null,
      ...methodOf(plan),
    };
  if (dimension <= MOST_HALFVEC)
    return {
      expression: (embedding) => `(${embedding}::halfvec(${dimension}))`,
      operatorClass: `halfvec_${space}_ops`,
      operator: OPERATORS[space],
      // A halfvec keeps eleven bits of each component: near ties may change places.
      candidates: 2,
      ...methodOf(plan),
    };
  return {
    expression: (embedding) => `(binary_quantize(${embedding})::bit(${dimension}))`,
    operatorClass: 'bit_hamming_ops',
    operator: '<~>',
    // One bit of each component finds the neighbourhood, not the order (pgvector README, "Binary Quantization").
    candidates: 20,
    ...methodOf(plan),
  };
}

function methodOf({ indexMethod, dimension, hnsw, records }: CollectionPlan): {
  method: string;
  options: string;
} {
  // pgvector has no ivfflat index of one dimension by cosine or inner product: all its centroids would be 1 or -1.
  if (indexMethod === 'ivfflat' && dimension !== 1) {
    // pgvector README, "IVFFlat": rows / 1000 up to a million rows, sqrt(rows) beyond.
    const lists = Math.max(1, Math.round(records <= 1_000_000 ? records / 1000 : Math.sqrt(records)));
    return { method: 'ivfflat', options: `lists = ${Math.min(lists, 32_768)}` };
  }
  const { m, efConstruction } = hnswOptions(hnsw);
  return { method: 'hnsw', options: `m = ${m}, ef_construction = ${efConstruction}` };
}

/** As pgvector takes them: m from 2 to 100 and ef_construction from 4 to 1000, at least 2·m. */
export function hnswOptions(hnsw: Pick<HnswSettings, 'm' | 'efConstruction'>) {
  const m = clamp(hnsw.m, 2, 100);
  return { m, efConstruction: clamp(Math.max(hnsw.efConstruction, 2 * m), 4, 1000) };
}

const clamp = (value: number, min: number, max: number) => Math.min(max, Math.max(min, value));
