import { createHash } from 'node:crypto';
import { z } from 'zod';
import { LAYOUTS, SPACES } from '../contract.ts';
import { InvalidInput } from '../errors.ts';
import { sumOfKnown } from '../verify/stored-checksums.ts';
import { accountOf } from './account.ts';
import type { CollectionReport, RunReport, ShardReport } from './report.ts';

const count = z.int().min(0);
const checksum = z.string().regex(/^\d{1,20}$/);

/** What became of each id: `read = loaded + rejected + vanished + unexplained`. */
const account = {
  /** Ids that Chroma held when the run was planned. */
  read: count,
  loaded: count,
  rejected: count,
  /** Deleted in Chroma after they were listed and before their records were read. */
  vanished: count,
  /** Not 0: the run has failed. */
  unexplained: z.int(),
};

const Shard = z.strictObject({
  number: count,
  content: z.enum(['rows', 'digests']),
  ...account,
  /** Sum of the records' digests modulo 2^64: of what Chroma sent, and of the digests that lie in the store. */
  checksum: z.strictObject({ source: checksum, store: checksum.nullable() }),
});

const Collection = z.strictObject({
  tenant: z.string(),
  database: z.string(),
  collection: z.string(),
  collectionId: z.string(),
  schema: z.string(),
  dimension: z.int().nullable(),
  space: z.enum(SPACES),
  layout: z.enum(LAYOUTS),
  /** `whole`: new tables were made. `update`: live ones were brought up to date. */
  kind: z.enum(['whole', 'update']),
  ...account,
  /** Rows of the live tables whose records Chroma no longer held; only of a run that updates in place. */
  kept: count,
  published: z.boolean(),
  /** What the tables held: null if they were not looked at. */
  records: count.nullable(),
  checksum: z.strictObject({
    source: checksum.nullable(),
    store: checksum.nullable(),
    target: checksum.nullable(),
  }),
  /** Only of `import --update-existing`: what its files did to the tables, which may hold more than they speak of. */
  files: z
    .strictObject({
      /** `loaded = added + changed + unchanged`. */
      ...{ added: count, changed: count, unchanged: count },
      /** Lines whose id a later line has too: that one counts, and these are not among those read. */
      repeated: count,
      /** Sums of the files' records alone: as they were read, as they lie in the store, as the tables held them. */
      checksum: z.strictObject({
        source: checksum,
        store: checksum.nullable(),
        target: checksum.nullable(),
      }),
      /** Run whose certificate the kept rows still held to; null if they did to none. */
      keptCertifiedBy: z.string().nullable(),
    })
    .optional(),
  shards: z.array(Shard),
});

/** `runs/<run>/certificate.json`: the account of every id, to be held against the database at any later time. */
export const Certificate = z.strictObject({
  version: z.literal(1),
  run: z.string(),
  status: z.enum(['succeeded', 'failed']),
  issuedAt: z.string(),
  /** Where the run's store is: its digests name records. */
  store: z.string(),
  chromaVersion: z.string(),
  postgresVersion: z.string(),
  pgvectorVersion: z.string(),
  ...account,
  checksum: z.strictObject({ source: checksum, store: checksum.nullable(), target: checksum.nullable() }),
  collections: z.array(Collection),
  /** SHA-256 (hex) of this object's JSON without this member: who changes it by accident is noticed. */
  sha256: z.string(),
});
export type Certificate = z.infer<typeof Certificate>;
export type CertifiedCollection = z.infer<typeof Collection>;

export function certificateOf(report: RunReport): Certificate {
  const shards = Map.groupBy(report.shards, ({ schema }) => schema);
  const collections = report.collections.map((one) =>
    certifiedCollection(one, shards.get(one.plan.schema) ?? []),
  );
  return issueCertificate({
    run: report.run,
    status: report.status,
    issuedAt: report.finishedAt,
    store: report.store,
    chromaVersion: report.source.version,
    postgresVersion: report.target.postgresVersion,
    pgvectorVersion: report.target.pgvectorVersion,
    collections,
  });
}

type Issued = Omit<Certificate, 'version' | 'checksum' | 'sha256' | keyof typeof account>;

/** Adds up the collections' accounts, and seals the whole. */
export function issueCertificate({ collections, ...run }: Issued): Certificate {
  const total = (key: keyof typeof account) => collections.reduce((sum, one) => sum + one[key], 0);
  const unsigned: Omit<Certificate, 'sha256'> = {
    version: 1,
    ...run,
    ...{ read: total('read'), loaded: total('loaded'), rejected: total('rejected') },
    ...{ vanished: total('vanished'), unexplained: total('unexplained') },
    checksum: {
      source: sumOfKnown(collections.map((one) => one.checksum.source)) ?? '0',
      store: sumOfKnown(collections.map((one) => one.checksum.store)),
      target: sumOfKnown(collections.map((one) => one.checksum.target)),
    },
    collections,
  };
  return { ...unsigned, sha256: hashOf(unsigned) };
}

function certifiedCollection(report: CollectionReport, shards: readonly ShardReport[]): CertifiedCollection {
  const { plan, loaded, rejected, vanished, verification, checksum, published, delta } = report;
  const { tenant, database, collection, collectionId, schema, dimension, space, layout } = plan;
  const { source: read, target, unexplained } = accountOf(report);
  const stored = new Map(verification?.stored.map(({ number, checksum: sum }) => [number, sum]));
  return {
    ...{ tenant, database, collection, collectionId, schema, dimension, space, layout },
    kind: delta === null ? 'whole' : 'update',
    ...{ read, loaded, rejected, vanished, unexplained, kept: delta?.kept ?? 0, published, records: target },
    checksum,
    shards: shards.map((shard) => ({
      ...{ number: shard.number, content: shard.content, read: shard.records },
      ...{ loaded: shard.loaded, rejected: shard.rejected, vanished: shard.vanished },
      unexplained: shard.records - shard.loaded - shard.rejected - shard.vanished,
      checksum: { source: shard.checksum, store: stored.get(shard.number) ?? null },
    })),
  };
}

const hashOf = (unsigned: Omit<Certificate, 'sha256'>) =>
  createHash('sha256').update(JSON.stringify(unsigned)).digest('hex');

export const certificateText = (certificate: Certificate): string =>
  `${JSON.stringify(certificate, null, 2)}\n`;

/** @param where for the sentence @throws InvalidInput if the text is no certificate, or not as it was issued */
export function parseCertificate(text: string, where: string): Certificate {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InvalidInput(`${where} is no JSON: pass the certificate.json of a run.`, { cause });
  }
  const parsed = Certificate.safeParse(value);
  if (!parsed.success)
    throw new InvalidInput(
      `${where} is no certificate (${parsed.error.issues[0]?.path.join('.')}: ${parsed.error.issues[0]?.message}): pass the certificate.json of a run.`,
    );
  const { sha256, ...unsigned } = value as Certificate;
  if (hashOf(unsigned) !== sha256)
    throw new InvalidInput(
      `${where} is not as it was issued: pass the certificate.json that lies in the store of run "${parsed.data.run}".`,
    );
  return parsed.data;
}
