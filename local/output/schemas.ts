/** What each command prints with `--json`, as a schema: published, and held against real output by a test. */
import { z } from 'zod';
import type { Benchmark, LatencyFigures, ThroughputFigures } from '../../src/benchmark/benchmark.ts';
import { LAYOUTS, SPACES } from '../../src/contract.ts';
import { MigrationInput } from '../../src/migration-input.ts';
import type { Estimate } from '../../src/plan/cost.ts';
import type { RolledBack } from '../../src/publish/rollback.ts';
import type { AsItWas } from '../../src/verify/source-as-it-was.ts';
import type { Verification } from '../../src/verify/verification.ts';
import type { CertificateFinding } from '../../src/verify/verify-certificate.ts';
import type { Look } from '../aws/look.ts';
import type { Tuned } from '../commands/tune.ts';
import type { runJson } from '../summary.ts';

const count = z.int().min(0);
const share = z.number().min(0).max(1);
const seconds = z.number().min(0);
const checksum = z.string().regex(/^\d+$/).describe('Sum of the records’ digests modulo 2^64, in decimal');
const changedIds = z.object({ count, ids: z.array(z.string()).describe('At most a thousand') });
const space = z.enum(SPACES);
const method = z.enum(['hnsw', 'ivfflat']);
const hnsw = z.object({ m: count, efConstruction: count, efSearch: count });
const layout = z.enum(LAYOUTS);

const error = z.object({
  name: z.string().describe('Name of the error, for a script'),
  message: z.string().describe('One sentence for a person'),
  state: z.string().nullable().describe('State of the machine in which it was met'),
});

export const runOutput: z.ZodType<ReturnType<typeof runJson>> = z.object({
  run: z.string(),
  status: z.enum(['succeeded', 'failed']),
  error: error.nullable(),
  collections: z.array(
    z.object({
      ...{ tenant: z.string(), database: z.string(), collection: z.string(), schema: z.string() },
      ...{ dimension: count.nullable(), space, records: count, loaded: count, rejected: count },
      vanished: count.describe('Deleted in Chroma after they were listed and before they were read'),
      unexplained: z.int().describe('records - loaded - rejected - vanished'),
      changes: z
        .object({ added: changedIds, deleted: changedIds, rewritten: changedIds })
        .nullable()
        .describe('What was written to Chroma since the run listed its ids'),
      delta: z
        .object({
          ...{ unchanged: count, added: changedIds, changed: changedIds, missing: changedIds },
          ...{ deleted: z.boolean(), kept: count.nullable() },
        })
        .nullable()
        .describe('With --update-existing: by what Chroma differed from the live tables'),
      checksum: z.object({
        ...{ source: checksum.nullable(), store: checksum.nullable(), target: checksum.nullable() },
      }),
      recallAt10: share.nullable(),
      indexes: z.array(z.string()),
      published: z.boolean(),
    }),
  ),
  seconds: z.object({
    ...{ total: seconds, export: seconds, import: seconds, index: seconds, verify: seconds },
  }),
  report: z.string().nullable().describe('Address of the HTML report'),
  store: z.string(),
});

/** What any command prints when it fails before it has a result. */
export const failureOutput = z.object({
  run: z.string().nullable(),
  status: z.literal('failed'),
  error: z.object({ name: z.string(), message: z.string(), state: z.null() }),
  collections: z.array(z.never()),
  seconds: z.object({
    ...{ total: seconds, export: seconds, import: seconds, index: seconds, verify: seconds },
  }),
  report: z.null(),
  store: z.string().nullable(),
});

const figures = <Key extends string>(...keys: Key[]) =>
  Object.fromEntries(keys.map((key) => [key, seconds])) as Record<Key, typeof seconds>;

const estimate: z.ZodType<Estimate> = z.object({
  seconds: z.object(figures('total', 'shards', 'index', 'verify', 'rest')),
  usage: z.object(
    figures(
      ...(['lambdaGbSeconds', 'lambdaRequests', 'stateTransitions', 's3Writes', 's3Reads'] as const),
      ...(['storeGbMonths', 'databaseHours'] as const),
    ),
  ),
  dollars: z.object({
    ...figures('total', 'lambda', 'stateTransitions', 's3Requests', 'store'),
    database: seconds.nullable(),
  }),
  databaseMonth: seconds.nullable().describe('US dollars a month, when the run is over'),
  indexBuilds: z.array(
    z.object({
      ...{ collection: z.string(), schema: z.string() },
      graphBytes: count.describe('Of maintenance_work_mem, for a build that does not spill'),
      indexBytes: count.describe('Of the finished index; as much again is written to the WAL'),
      temporaryBytes: count.describe('Of temporary files'),
      seconds: seconds.describe('As long as the graph fits'),
      spillsAfter: count.nullable().describe('Rows after which the graph no longer fits; null: it fits'),
      memoryBytes: count.describe('Of the server’s memory, for a build that does not spill'),
      halfvecFits: z
        .boolean()
        .nullable()
        .describe('Where it spills: an index of halfvec would not; null where that does not apply'),
      smallestInstance: z.string().nullable().describe('Where it spills: the smallest class that holds it'),
    }),
  ),
  notes: z.array(z.string()),
});

const moment = z.iso.datetime().nullable();
/** What `start`, `watch`, `redrive` and `status` print. */
export const executionOutput: z.ZodType<Look> = z.object({
  execution: z.string().describe('ARN of the execution'),
  ...{ name: z.string(), run: z.string().nullable() },
  status: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE']),
  ...{ startedAt: moment, stoppedAt: moment, redrives: count, redrivable: z.boolean() },
  state: z.string().nullable().describe('State of the machine that it entered last'),
  maps: z.array(
    z.object({
      ...{ map: z.string(), total: count, succeeded: count, running: count, pending: count, failed: count },
    }),
  ),
  index: z.object({ name: z.string(), percent: z.number() }).nullable(),
  error: z.object({ name: z.string(), message: z.string() }).nullable(),
});

const sparseColumn = z.object({ key: z.string(), column: z.string(), dimension: count });

export const planOutput = z.object({
  version: z.literal(1),
  run: z.string(),
  createdAt: z.iso.datetime(),
  source: z.string(),
  sourceVersion: z.string(),
  options: MigrationInput,
  collections: z.array(
    z.object({
      ...{ tenant: z.string(), database: z.string(), collection: z.string(), collectionId: z.uuid() },
      ...{ schema: z.string(), layout, dimension: count.nullable(), space, records: count, shards: count },
      ...{ bytes: count, hnsw, indexMethod: method, model: z.string().nullable() },
      sparseColumns: z.array(sparseColumn).optional().describe('With --sparse-column'),
      metadata: z.record(z.string(), z.unknown()).nullable(),
      metadataText: z
        .string()
        .optional()
        .describe('Their JSON, where it says more: integers beyond 2^53, 1.0'),
      configuration: z.unknown(),
      configurationText: z.string().optional().describe('The same of the configuration'),
      profile: z.object({
        ...{
          sampled: count,
          averageDocumentBytes: count,
          averageMetadataBytes: count,
          averageIdBytes: count,
        },
        metadataKeys: z.array(z.object({ key: z.string(), types: z.array(z.string()), share })),
      }),
    }),
  ),
  warnings: z.array(z.string()),
  shards: count,
  aws: estimate.describe('What the run would take and cost on AWS'),
  ddl: z.string().describe('What would be created, as SQL'),
});

const milliseconds = z.array(seconds);
const verification: z.ZodType<Verification> = z.object({
  ...{ run: z.string(), schema: z.string(), collection: z.string(), verified: z.boolean() },
  ...{ startedAt: z.iso.datetime(), finishedAt: z.iso.datetime() },
  records: z.object({
    ...{ source: count, planned: count, loaded: count, rejected: count, vanished: count, target: count },
  }),
  dimension: z.object({ source: count.nullable(), target: count.nullable() }),
  checksum: z.object({ source: checksum, store: checksum.nullable(), target: checksum }),
  stored: z.array(z.object({ number: count, checksum: checksum.nullable() })),
  mismatches: z.array(z.string()),
  differing: z.object({
    ...{ missing: z.array(z.string()), unexpected: z.array(z.string()), changed: z.array(z.string()) },
  }),
  metadataMismatches: count,
  zeroVectors: count,
  sparseColumns: z.array(
    sparseColumn.extend({
      filled: count.describe('Records whose sparse vector stands in the column'),
      leftOut: z
        .object({ count, ids: z.array(z.string()).describe('At most a hundred') })
        .describe('Records that hold something else under the key: their column is null'),
      differing: z.array(z.string()),
    }),
  ),
  searches: z.object({
    ...{ sampled: count, recallAt10: share.nullable(), chromaRecallAt10: share.nullable() },
    neighbours: z.object({ successful: count, found: count, wanted: count }),
    ...{ largestDistanceDifference: seconds.nullable(), efSearch: count.nullable() },
    ...{ latencyMilliseconds: milliseconds, chromaLatencyMilliseconds: milliseconds },
    ...{ indexUsed: z.boolean().nullable(), indexName: z.string().nullable() },
  }),
  indexes: z.array(z.string()),
});
const idsOfKind = z.array(z.string()).describe('At most a hundred');
const finding: z.ZodType<CertificateFinding> = z.object({
  ...{ collection: z.string(), schema: z.string(), verified: z.boolean() },
  records: z.object({ certified: count.nullable(), found: count.nullable() }),
  checksum: z.object({ certified: checksum.nullable(), found: checksum.nullable() }),
  files: z
    .object({
      records: z.object({ certified: count, found: count }),
      checksum: z.object({ certified: checksum, found: checksum }),
    })
    .nullable()
    .optional()
    .describe('Where the table differs after an import that updated it: of the files’ records alone'),
  differing: z
    .object({ missing: idsOfKind, unexpected: idsOfKind, changed: idsOfKind })
    .nullable()
    .describe('null if no record differs, or if the run’s store is not there to name them'),
  mismatches: z.array(z.string()),
});
export const certificateOutput = z
  .object({
    certificate: z.object({
      ...{ run: z.string(), status: z.enum(['succeeded', 'failed']), issuedAt: z.iso.datetime() },
    }),
    collections: z.array(finding),
  })
  .describe('With --certificate');
export const verifyOutput = z.union([z.object({ collections: z.array(verification) }), certificateOutput]);

const held = z.object({ records: count, checksum });
const asItWas: z.ZodType<AsItWas> = z.object({
  ...{ collection: z.string(), schema: z.string(), run: z.string(), safe: z.boolean() },
  ...{ ledger: held.nullable(), chroma: held.nullable(), postgres: held },
  differences: z.array(z.string()).describe('What is not as it was when the live tables were made'),
});
export const rollbackOutput: z.ZodType<RolledBack & { chroma: AsItWas | null }> = z.object({
  ...{ collection: z.string(), schema: z.string(), run: z.string() },
  chroma: asItWas.nullable().describe('With --source'),
});

const setting = {
  ...{ name: z.string(), scope: z.enum(['instance', 'database']), unit: z.string().nullable() },
  needsReboot: z.boolean(),
};
const indexed = { schema: z.string(), ddl: z.string(), reason: z.string() };

export const tuneOutput: z.ZodType<Tuned> = z.object({
  database: z.string(),
  memory: z.object({ bytes: count, isLowerBound: z.boolean() }),
  collections: z.array(
    z.object({
      ...{ schema: z.string(), tenant: z.string(), database: z.string(), collection: z.string() },
      ...{ collectionId: z.string(), layout, records: count, dimension: count.nullable(), space, hnsw },
      ...{ indexMethod: method, vectorIndex: z.string().nullable(), dataBytes: count, indexBytes: count },
    }),
  ),
  settings: z.array(
    z.object({
      ...{ ...setting, oldValue: z.string().nullable(), newValue: z.string(), reason: z.string() },
      ...{ applied: z.boolean(), hindrance: z.string().nullable() },
    }),
  ),
  restored: z.array(
    z.object({
      ...{ ...setting, from: z.string(), to: z.string().nullable() },
      ...{ restored: z.boolean(), reason: z.string().nullable() },
    }),
  ),
  indexes: z.array(
    z.object({
      ...{ ...indexed, index: z.string(), seconds },
      action: z.enum(['created', 'replaced', 'there already', 'rebuilt']),
    }),
  ),
  suggestions: z.array(z.object({ ...indexed, key: z.string(), option: z.string() })),
});

const sides = <T extends z.ZodType>(one: T) => z.object({ chroma: one, postgres: one });
const latency: z.ZodType<LatencyFigures> = z.object({
  ...{ searches: count, p50: seconds, p95: seconds, p99: seconds },
});
const throughput: z.ZodType<ThroughputFigures> = z.object({
  ...{ clients: count, searches: count, perSecond: seconds, p95: seconds, clientLoad: seconds },
});

export const benchOutput: z.ZodType<Benchmark> = z.object({
  measuredAt: z.iso.datetime(),
  ...{ collection: z.string(), schema: z.string(), records: count, dimension: count, space },
  ...{ neighbours: count, queries: count },
  versions: z.object({ chroma: z.string(), postgres: z.string(), pgvector: z.string() }),
  latency: sides(latency).describe('Milliseconds'),
  throughput: z.array(sides(throughput)),
  recall: z.object({ chroma: share.nullable(), postgres: share.nullable(), efSearch: count.nullable() }),
  storage: z.object({
    postgres: z.object({ dataBytes: count, indexBytes: count }),
    chroma: z.object({ bytes: count }).nullable(),
  }),
  backup: z.object({
    ...{ tool: z.string().nullable(), dumpSeconds: seconds.nullable(), dumpBytes: count.nullable() },
    ...{ restoreSeconds: seconds.nullable(), reason: z.string().nullable() },
  }),
});
