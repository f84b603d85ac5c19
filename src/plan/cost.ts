/**
 * What a run on AWS takes and costs, reckoned from its plan before anything is moved. Pure: figures of the plan and
 * of the deployment in, figures out. It is a forecast: each formula says where its constants were measured or read.
 */
import type { CollectionPlan, Plan, ShardItem } from '../contract.ts';
import { type BuildPrediction, predictBuild } from '../index-build/predict-build.ts';
import { batchesOfCollections, batchesOfShards } from './cut-batches.ts';
import { memoryBytesOf, smallestInstance, vcpusOf } from './instances.ts';

/**
 * US dollars, us-east-1, on demand, as seen in public tables in mid-2026 and never held against a bill: for another
 * region, a later day or a contract, give your own (`--price`). Lambda: aws.amazon.com/lambda/pricing (arm64, first
 * tier). Step Functions: aws.amazon.com/step-functions/pricing (Standard). S3: aws.amazon.com/s3/pricing (Standard).
 * RDS for PostgreSQL: aws.amazon.com/rds/postgresql/pricing (Single-AZ, gp3). Nothing is taken off for a free tier.
 */
export const PRICES = {
  lambdaGbSecond: 0.000_013_333_4,
  lambdaRequest: 0.2 / 1e6,
  stateTransition: 0.025 / 1000,
  s3Write: 0.005 / 1000,
  s3Read: 0.0004 / 1000,
  s3GbMonth: 0.023,
  databaseGbMonth: 0.115,
  /** Of the instance class in use; null where it is not known, and the sum is then without the database. */
  databaseHour: null as number | null,
};
export type Prices = typeof PRICES;

/** An hour of a family's `large`; the other sizes cost in proportion to their vCPUs. Public tables of r7g differ by 5 %. */
const LARGE_HOUR: Record<string, number> = { m6g: 0.159, m7g: 0.168, r6g: 0.225, r7g: 0.239, t4g: 0.129 };
const LARGES: Record<string, number> = { medium: 0.5, large: 1, xlarge: 2 };

/** Null for a family that the table does not have. */
export function databaseHourPrice(instanceClass: string): number | null {
  const [family = '', size = ''] = instanceClass.split('.');
  const larges = LARGES[size] ?? 2 * Number(/^(\d+)xlarge$/.exec(size)?.[1] ?? Number.NaN);
  const price = (LARGE_HOUR[family] ?? Number.NaN) * larges;
  return Number.isNaN(price) ? null : price;
}

/** What the stack is configured to; the defaults are those of config/example.yaml. */
export interface Deployment {
  instanceClass: string;
  storageGib: number;
  multiAz: boolean;
  /** Shards at the same time. */
  concurrency: number;
  /** MB of the functions that move a shard. */
  shardMemoryMb: number;
  /** Days that the bucket keeps a run. */
  storeRetentionDays: number;
}

export const DEFAULT_DEPLOYMENT: Deployment = {
  ...{ instanceClass: 'r7g.large', storageGib: 100, multiAz: false },
  ...{ concurrency: 8, shardMemoryMb: 512, storeRetentionDays: 90 },
};

export interface Estimate {
  /** Of the whole and of its parts, which follow one another. */
  seconds: { total: number; shards: number; index: number; verify: number; rest: number };
  usage: {
    lambdaGbSeconds: number;
    lambdaRequests: number;
    stateTransitions: number;
    s3Writes: number;
    s3Reads: number;
    /** In the bucket until the run is forgotten. */
    storeGbMonths: number;
    databaseHours: number;
  };
  /** US dollars of the run. `database` is null if the hour's price is not known. */
  dollars: {
    total: number;
    lambda: number;
    stateTransitions: number;
    s3Requests: number;
    store: number;
    database: number | null;
  };
  /** What stays when the run is over, US dollars a month; null if the hour's price is not known. */
  databaseMonth: number | null;
  /** The HNSW index of each collection, the one with the largest graph first. */
  indexBuilds: IndexBuild[];
  notes: string[];
}

export interface IndexBuild extends BuildPrediction {
  collection: string;
  schema: string;
  /** Where it spills on the instance: the smallest class on which it would not; null where none is known, or it does not spill. */
  smallestInstance: string | null;
}

const GB = 1e9;
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const HOURS_A_MONTH = 730;

/** Processor time that a byte of the store takes to export and to import: 89 and 9 µs a record of 1,536 dimensions and a document (measured, docs/decisions.md). */
const EXPORT_SECONDS_A_BYTE = 89e-6 / 6700;
const IMPORT_SECONDS_A_BYTE = 9e-6 / 6700;
/** Memory with which a function has one whole processor (Lambda developer guide, "Configure function memory"). */
const MB_A_PROCESSOR = 1769;
/** JSON that a Chroma server of two cores serves, four readers at a time: 8,600 records of 1,536 dimensions (measured), a component in about 12 bytes. */
const SOURCE_BYTES_A_SECOND = 150e6;
const JSON_BYTES_A_COMPONENT = 12;
/** gp3 on RDS below and from 400 GiB on (RDS user guide, "gp3 storage"); what is imported is written twice, WAL and table. */
const DISK_BYTES_A_SECOND = { small: 125e6, large: 500e6 };
const LARGE_DISK_GIB = 400;
/** Starting a child and its two functions, warm; a shard's requests and objects, some 0.1 to 0.4 s in each of the two (cut-batches.ts). */
const SECONDS = { child: 0.5, shard: 0.5 };
/** Digests in SQL: 128 ms for 10,000 vectors of 1,536 dimensions (measured). */
const VERIFY_SECONDS_A_BYTE = 0.128 / (10_000 * 4 * 1536);
/** Of ten thousand small collections a second: 38 indexed, 20 verified; 27 planned, 220 prepared, 1,700 published (measured, docs/scale.md). */
const SECONDS_A_COLLECTION = { index: 1 / 38, verify: 1 / 20, rest: 1 / 27 + 1 / 220 + 1 / 1700 };
/** Planning, preparing, publishing, tuning and reporting: some ten calls. */
const REST_SECONDS = 60;
const REST_CALLS = 10;
/** States of the execution itself, and of a child with its start: Export and Import; Start, look, choice and end; Sample and Verify. */
const TRANSITIONS = { execution: 25, shards: 3, index: 6, verify: 3 };
/** Calls of functions by a child of the map of shards, and by those of the two maps of collections. */
const CALLS = { shards: 2, collections: 4 };
/** Objects of a shard (documents, embeddings, digests, manifest), uploaded in parts of 8 MiB. */
const OBJECTS_A_SHARD = 4;
const PART_BYTES = 8 * MIB;

/** Children of each map. */
export interface Children {
  shards: number;
  collections: number;
}

/** As the plan would cut the batches of a run with so many children at a time. */
export const childrenOf = (
  { plan, shards }: { plan: Pick<Plan, 'run' | 'collections'>; shards: readonly ShardItem[] },
  concurrency: number,
): Children => ({
  shards: batchesOfShards(shards, concurrency).length,
  collections: batchesOfCollections(plan, concurrency).length,
});

export function estimateRun(
  plan: Pick<Plan, 'collections'>,
  children: Children,
  deployment: Deployment,
  overrides: Partial<Prices> = {},
  buildSpeed = 1,
): Estimate {
  const prices = {
    ...PRICES,
    databaseHour: databaseHourPrice(deployment.instanceClass),
    ...overrides,
  };
  const totals = totalsOf(plan.collections);
  const instances = deployment.multiAz ? 2 : 1;
  const functions = functionSeconds(totals, children, deployment);
  const indexBuilds = buildsOf(plan.collections, deployment, buildSpeed);
  const seconds = secondsOf(totals, children, functions, indexBuilds, deployment);
  const { collections, shards, bytes } = totals;

  const memoryGb = deployment.shardMemoryMb / 1024;
  const parts = Math.ceil(bytes / PART_BYTES);
  const usage = {
    lambdaGbSeconds: (functions.export + functions.import) * memoryGb + (seconds.verify + seconds.rest) * 0.5,
    lambdaRequests: CALLS.shards * children.shards + CALLS.collections * children.collections + REST_CALLS,
    stateTransitions:
      TRANSITIONS.execution +
      TRANSITIONS.shards * children.shards +
      (TRANSITIONS.index + TRANSITIONS.verify) * children.collections,
    s3Writes: OBJECTS_A_SHARD * shards + parts + 4 * collections + REST_CALLS,
    s3Reads: 2 * OBJECTS_A_SHARD * shards + 4 * collections + REST_CALLS,
    storeGbMonths: (bytes / GB) * (deployment.storeRetentionDays / 30),
    databaseHours: (seconds.total / 3600) * instances,
  };
  const database = prices.databaseHour === null ? null : usage.databaseHours * prices.databaseHour;
  const parted = {
    lambda: usage.lambdaGbSeconds * prices.lambdaGbSecond + usage.lambdaRequests * prices.lambdaRequest,
    stateTransitions: usage.stateTransitions * prices.stateTransition,
    s3Requests: usage.s3Writes * prices.s3Write + usage.s3Reads * prices.s3Read,
    store: usage.storeGbMonths * prices.s3GbMonth,
  };
  const total = Object.values(parted).reduce((sum, part) => sum + part, database ?? 0);
  return {
    seconds,
    usage,
    dollars: { total, ...parted, database },
    databaseMonth:
      prices.databaseHour === null
        ? null
        : instances * (HOURS_A_MONTH * prices.databaseHour + deployment.storageGib * prices.databaseGbMonth),
    indexBuilds,
    notes: notesOf(totals, indexBuilds, deployment, prices),
  };
}

interface Totals {
  collections: number;
  shards: number;
  bytes: number;
  jsonBytes: number;
}

function totalsOf(collections: readonly CollectionPlan[]): Totals {
  const sum = (of: (one: CollectionPlan) => number) => collections.reduce((all, one) => all + of(one), 0);
  return {
    collections: collections.length,
    shards: sum(({ shards }) => shards),
    bytes: sum(({ bytes }) => bytes),
    jsonBytes: sum(
      ({ bytes, records, dimension }) => bytes + records * (dimension ?? 0) * (JSON_BYTES_A_COMPONENT - 4),
    ),
  };
}

/** Seconds that all functions of a kind run, side by side or not: by their processor, or by what they wait for. */
function functionSeconds({ shards, bytes, jsonBytes }: Totals, children: Children, deployment: Deployment) {
  const { shardMemoryMb } = deployment;
  const processor = Math.min(1, shardMemoryMb / MB_A_PROCESSOR);
  // While a server or a disk is the limit, all that run at a time wait for it.
  const atATime = childrenAtATime(children, deployment);
  const reading = Math.max(
    (bytes * EXPORT_SECONDS_A_BYTE) / processor,
    (jsonBytes / SOURCE_BYTES_A_SECOND) * atATime,
  );
  const writing = Math.max(
    (bytes * IMPORT_SECONDS_A_BYTE) / processor,
    ((2 * bytes) / diskRate(deployment)) * atATime,
  );
  const starts = (children.shards * SECONDS.child + shards * SECONDS.shard) / 2;
  return { export: reading + starts, import: writing + starts };
}

const childrenAtATime = ({ shards }: Children, { concurrency }: Deployment) =>
  Math.max(1, Math.min(concurrency, shards));

const diskRate = ({ storageGib }: Deployment) =>
  storageGib < LARGE_DISK_GIB ? DISK_BYTES_A_SECOND.small : DISK_BYTES_A_SECOND.large;

function secondsOf(
  { collections, bytes }: Totals,
  children: Children,
  functions: { export: number; import: number },
  builds: readonly BuildPrediction[],
  deployment: Deployment,
): Estimate['seconds'] {
  const shards = (functions.export + functions.import) / childrenAtATime(children, deployment);
  const index =
    builds.reduce((sum, build) => sum + build.seconds, 0) + collections * SECONDS_A_COLLECTION.index;
  const verify = bytes * VERIFY_SECONDS_A_BYTE + collections * SECONDS_A_COLLECTION.verify;
  const rest = REST_SECONDS + collections * SECONDS_A_COLLECTION.rest;
  return { total: shards + index + verify + rest, shards, index, verify, rest };
}

function buildsOf(
  collections: readonly CollectionPlan[],
  { instanceClass }: Deployment,
  speed: number,
): IndexBuild[] {
  const server = {
    memoryBytes: memoryBytesOf(instanceClass),
    processes: buildersOf(vcpusOf(instanceClass)),
    speed,
  };
  return collections
    .flatMap((one): IndexBuild[] => {
      const build = predictBuild(one, server);
      if (!build) return [];
      const larger = build.spillsAfter === null ? null : smallestInstance(build.memoryBytes, instanceClass);
      return [{ ...{ collection: one.collection, schema: one.schema }, ...build, smallestInstance: larger }];
    })
    .toSorted((a, b) => b.graphBytes - a.graphBytes);
}

/** The process that leads a build and its workers, of which RDS allows max_parallel_workers = GREATEST(vCPUs / 2, 8). */
const buildersOf = (vcpus: number) => Math.min(vcpus, Math.max(8, vcpus / 2) + 1);

/** Of indexes that spill, the largest says what would help; the others follow it. */
function buildNotes(builds: readonly IndexBuild[], { instanceClass }: Deployment): string[] {
  const [largest, ...others] = builds.filter(({ spillsAfter }) => spillsAfter !== null);
  if (!largest) return [];
  const { collection, graphBytes, spillsAfter, halfvecFits, smallestInstance: larger } = largest;
  const remedy =
    larger === null
      ? 'No class that is known here holds it: split the collection'
      : `Deploy a ${larger} for the load, the smallest class that holds it`;
  const halfvec =
    halfvecFits === null
      ? ''
      : `; an index of halfvec would ${halfvecFits ? 'fit this one' : 'not fit this one either'}`;
  return [
    `The index of "${collection}" takes ${(graphBytes / GIB).toFixed(1)} GiB to build, more than a quarter of a ${instanceClass}'s memory: after ${spillsAfter!.toLocaleString('en')} rows it spills, and the rest takes many times longer than said here${others.length > 0 ? ` (so do ${others.length} others)` : ''}. ${remedy}${halfvec}.`,
  ];
}

function notesOf(
  { bytes }: Totals,
  builds: readonly IndexBuild[],
  deployment: Deployment,
  prices: Prices,
): string[] {
  const notes: string[] = [];
  const { instanceClass, storageGib } = deployment;
  // Data, indexes as large as the vectors again, and WAL: three times.
  const needed = Math.ceil((3 * bytes) / GIB);
  if (needed > storageGib)
    notes.push(
      `The database needs about ${needed} GiB, more than storageGib ${storageGib}: deploy with as much, since growing while it loads takes hours.`,
    );
  notes.push(...buildNotes(builds, deployment));
  if (prices.databaseHour === null)
    notes.push(
      `The price of a ${instanceClass} is not known here, so the sums are without it: name it with --price databaseHour=USD.`,
    );
  return notes;
}
