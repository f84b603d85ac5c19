import type { HnswSettings } from '../contract.ts';
import { hnswOptions, indexedType, type ValueType } from '../postgres/vector-index.ts';

/** What the size of an HNSW index depends on. */
export interface HnswShape {
  records: number;
  /** null: it never held a record. */
  dimension: number | null;
  hnsw: Pick<HnswSettings, 'm' | 'efConstruction'>;
  /** As the product indexes so many dimensions, if it is not given. */
  type?: ValueType;
}

const MIB = 1024 ** 2;
const BITS = { vector: 32, halfvec: 16, bit: 1 };
const align = (bytes: number) => Math.ceil(bytes / 8) * 8;

/** Of one indexed value: a head of 8 bytes and the components (vector.h, halfvec.h; varbit.h of PostgreSQL). */
const valueBytes = ({ dimension, type }: HnswShape): number =>
  8 + Math.ceil(((dimension ?? 0) * BITS[type ?? indexedType(dimension ?? 0)]) / 8);

/** Layers of an element above the ground, on average: each is there with a probability of 1/m (hnswutils.c, HnswInitElement). */
const layersAbove = (m: number) => 1 / (m - 1);

/** HnswElementData with its lock; an entry of HnswNeighborArray, and what stands before the entries (pgvector 0.8, hnsw.h). */
const ELEMENT = 128;
const NEIGHBOUR = 16;
const NEIGHBOURS_HEAD = 8;
const POINTER = 8;
/** Before each allocation: 24 bytes to PostgreSQL 15, 8 from 16 on, none in a parallel build. The most is taken. */
const ALLOCATION = 24;
/** The graph grows by blocks of 1 MiB; a parallel build keeps 4 MiB of its memory for itself (hnswbuild.c, HnswBeginParallel). */
const APART = 5 * MIB;

/**
 * Memory that the graph of an HNSW build takes, in bytes: a build whose maintenance_work_mem is not less than this does
 * not spill. By pgvector's source: for each row an element, a list of its layers, the neighbours of each layer (2m
 * on the ground, m above) and the value.
 */
export function graphBytes(shape: HnswShape): number {
  const { m } = hnswOptions(shape.hnsw);
  const above = layersAbove(m);
  const neighbours = (count: number) => NEIGHBOURS_HEAD + NEIGHBOUR * count + ALLOCATION;
  const row =
    ELEMENT +
    ALLOCATION +
    POINTER * (1 + above) +
    ALLOCATION +
    neighbours(2 * m) +
    above * neighbours(m) +
    align(valueBytes(shape)) +
    ALLOCATION;
  return Math.ceil(shape.records * row) + APART;
}

/** Rows after which the graph no longer fits so much memory; null: it fits. */
export function spillsAfter(shape: HnswShape, memoryBytes: number): number | null {
  const graph = graphBytes(shape);
  if (graph <= memoryBytes) return null;
  return Math.max(0, Math.floor((shape.records * (memoryBytes - APART)) / (graph - APART)));
}

/** Of a page: 8 KiB without its header and pgvector's 8 bytes at its end; each tuple takes a pointer of 4. */
const PAGE = 8192;
const PAGE_SPACE = PAGE - 24 - 8;
const LINE_POINTER = 4;
/** HnswElementTupleData and HnswNeighborTupleData before their data, and a pointer to a neighbour (hnsw.h). */
const ELEMENT_TUPLE = 72;
const NEIGHBOUR_TUPLE = 4;
const TUPLE_ID = 6;

/**
 * Bytes of the finished index: each row's element and its neighbours, on the same page where they fit (hnswbuild.c,
 * CreateGraphPages), so that pages hold a whole number of rows.
 */
export function indexBytes(shape: HnswShape): number {
  const { m } = hnswOptions(shape.hnsw);
  const element = align(ELEMENT_TUPLE + valueBytes(shape)) + LINE_POINTER;
  const neighbours = (layers: number) => align(NEIGHBOUR_TUPLE + (layers + 2) * m * TUPLE_ID) + LINE_POINTER;
  const row = element + neighbours(layersAbove(m));
  if (element + neighbours(0) > PAGE_SPACE) return PAGE * (1 + 2 * shape.records);
  return PAGE * (1 + Math.ceil(shape.records / Math.max(1, Math.floor(PAGE_SPACE / row))));
}
