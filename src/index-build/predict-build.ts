import type { CollectionPlan } from '../contract.ts';
import { hnswOptions, indexedType, type ValueType } from '../postgres/vector-index.ts';
import { BUILD_SHARE } from './build-memory.ts';
import { graphBytes, type HnswShape, indexBytes, spillsAfter } from './hnsw-size.ts';

/** Where an index is built. */
export interface BuildServer {
  memoryBytes: number;
  /** Processes that build, each on a processor of its own. */
  processes: number;
  /** Of one processor, beside the one that was measured (bench/BUILDS.md). */
  speed: number;
}

/** What the build of one HNSW index takes. */
export interface BuildPrediction {
  /** Of maintenance_work_mem, for a build that does not spill. */
  graphBytes: number;
  /** Of the finished index; about as much again is written to the WAL. */
  indexBytes: number;
  /** Of temporary files: none, since nothing is sorted and the graph is kept in memory (seen with each measured build). */
  temporaryBytes: number;
  /** As long as the graph fits. */
  seconds: number;
  /** Rows after which the graph outgrows what builds may take of the server, and each takes several times longer; null: it fits. */
  spillsAfter: number | null;
  /** Of the server's memory, for a build that does not spill. */
  memoryBytes: number;
  /** Where it spills: an index of halfvec would not; null where that does not apply. */
  halfvecFits: boolean | null;
}

/** Most that `seconds` was off on builds that the model was not fitted to, and what is to be reckoned with elsewhere. */
export const UNCERTAINTY = {
  /** On the measured machine, with vectors of the same kind. */
  sameServer: 0.15,
  /** With another processor and other vectors: uniformly random ones took a third longer, tightly clustered ones half as long. */
  otherServer: 0.5,
};

/** Null for what has no HNSW index. */
export function predictBuild(
  collection: Pick<CollectionPlan, 'records' | 'dimension' | 'hnsw' | 'indexMethod' | 'space'> & {
    type?: ValueType;
  },
  server: BuildServer,
): BuildPrediction | null {
  const { records, dimension, indexMethod } = collection;
  if (indexMethod !== 'hnsw' || dimension === null || records === 0) return null;
  const graph = graphBytes(collection);
  const budget = server.memoryBytes * BUILD_SHARE;
  const canBeHalved = (collection.type ?? indexedType(dimension)) === 'vector';
  return {
    graphBytes: graph,
    indexBytes: indexBytes(collection),
    temporaryBytes: 0,
    seconds: processorSeconds(collection) / (speedup(server.processes) * server.speed),
    spillsAfter: spillsAfter(collection, budget),
    memoryBytes: Math.ceil(graph / BUILD_SHARE),
    halfvecFits:
      graph > budget && canBeHalved ? graphBytes({ ...collection, type: 'halfvec' }) <= budget : null,
  };
}

/** What the time of a build depends on. */
export type TimedBuild = HnswShape & Pick<CollectionPlan, 'space'>;

/** Constants of `processorSeconds`. */
export interface BuildModel {
  /** What visiting a neighbour costs beside its components, in components of a `vector`. */
  overhead: number;
  /** What a component of a halfvec costs beside one of a vector. */
  halfvec: number;
  /** Of the terms below; the first is the logarithm of nanoseconds. */
  weights: number[];
}

/** Fitted by `bench/build-predictor.ts --fit` to the builds of bench/builds.json that are marked `fit`. */
const MODEL: BuildModel = {
  overhead: 390,
  halfvec: 0.95,
  weights: [6.258, -0.109, 0.498, 0.899, -0.25, 0.133, 0.337, 0.044, 0.088],
};

/** The most rows that were measured: beyond, a row's time goes on growing with their logarithm. */
const MEASURED_ROWS = 300_000;

/**
 * How often a row visits others, linear in logarithms of each figure beside a middle one. It does more often with more
 * candidates, more neighbours (the neighbours of each are chosen anew, hence the square) and more rows before it; the
 * more so the wider the vectors, which outgrow the processor's caches, and the more candidates, which few rows cannot
 * give. Vectors for cosine are normalised, and their inner product is less work than a distance.
 */
export function buildTerms({ records, dimension, hnsw, space }: TimedBuild): number[] {
  const options = hnswOptions(hnsw);
  const candidates = Math.log(options.efConstruction / 100);
  const neighbours = Math.log(options.m / 16);
  const width = Math.log((dimension ?? 1) / 384);
  const rows = Math.log(Math.min(records, MEASURED_ROWS) / 10_000);
  return [
    ...[1, space === 'l2' ? 0 : 1, candidates, neighbours, candidates * neighbours, neighbours ** 2],
    ...[rows, rows * width, rows * candidates],
  ];
}

/**
 * Seconds of one processor of the measured machine: rows × visits of a row × what a visit costs. A bit is taken for a
 * 32nd of a component, which nobody measured.
 */
export function processorSeconds(build: TimedBuild): number {
  const { records, dimension, type = indexedType(dimension ?? 1) } = build;
  const { weights, overhead, halfvec } = MODEL;
  const exponent = (terms: readonly number[]) =>
    terms.reduce((sum, term, at) => sum + term * weights[at]!, 0);
  const terms = buildTerms(build);
  // What a factor of e in the rows adds to the exponent.
  const slope =
    exponent(buildTerms({ ...build, records: 10_000 * Math.E })) -
    exponent(buildTerms({ ...build, records: 10_000 }));
  const beyond = 1 + slope * Math.log(Math.max(1, records / MEASURED_ROWS));
  const component = { vector: 1, halfvec, bit: 1 / 32 }[type];
  const visit = overhead + component * (dimension ?? 1);
  return (records * Math.exp(exponent(terms)) * beyond * visit) / 1e9;
}

/** Two processes on two cores built 1.85 and 1.96 times as fast as one; more were not measured. */
const SPEEDUP_EXPONENT = 0.9;

export const speedup = (processes: number): number => Math.max(1, processes) ** SPEEDUP_EXPONENT;
