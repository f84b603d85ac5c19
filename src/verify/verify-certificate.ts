import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { addChecksums } from '../copy/digest.ts';
import { digestRows } from '../copy/digest-rows.ts';
import { digestsWithIds } from '../delta/live-digests.ts';
import { StoreRefused, StoreUnavailable } from '../errors.ts';
import { lastChange } from '../files/ledger.ts';
import { type Log, reportProgress } from '../log.ts';
import type { Database } from '../postgres/database.ts';
import { collectionChecksum } from '../postgres/digest.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import { hasLedgerTable } from '../postgres/ledger-schema.ts';
import { liveLayouts } from '../postgres/live-layouts.ts';
import { repairedRows } from '../repair/ledger.ts';
import type { Certificate, CertifiedCollection } from '../report/certificate.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import { type Exported, findDiffering } from './find-differing.ts';
import { storedChecksums, sumOfKnown } from './stored-checksums.ts';
import type { Verification } from './verification.ts';

/** What was found of one certified collection. */
export interface CertificateFinding {
  collection: string;
  schema: string;
  verified: boolean;
  records: { certified: number | null; found: number | null };
  checksum: { certified: string | null; found: string | null };
  /** Of an import that updated in place: what its files' records were and are; null if they cannot be told apart. */
  files?: {
    records: { certified: number; found: number };
    checksum: { certified: string; found: string };
  } | null;
  /** Records that differ, at most 100 of each kind; null if they cannot be named, or if none has to be. */
  differing: Verification['differing'] | null;
  /** One sentence for each thing that is not as it was certified; empty if verified. */
  mismatches: string[];
}

export interface CertificateContext {
  database: Database;
  /** The run's own, whose digests name records. */
  store: ShardStore;
  log: Log;
}

/**
 * Holds a certificate against the live tables: every record is digested again. Needs no Chroma, and changes nothing.
 * Where the run's store is no longer there, counts and checksums tell that a table differs, and a sentence says so.
 */
export async function verifyCertificate(
  { database, store, log }: CertificateContext,
  certificate: Certificate,
): Promise<CertificateFinding[]> {
  return database.withClient('verify certificate', async (client) => {
    const layouts = await liveLayouts(client, certificate.collections);
    const findings: CertificateFinding[] = [];
    for (const certified of certificate.collections) {
      const { schema, layout } = certified;
      reportProgress(log, { phase: 'verify', schema, records: 0 });
      const finding = await check(client, store, certificate.run, certified, layouts.get(schema) === layout);
      reportProgress(log, { phase: 'verify', schema, records: finding.records.found ?? 0 });
      findings.push(finding);
    }
    return findings;
  });
}

async function check(
  client: pg.Client,
  store: ShardStore,
  run: string,
  certified: CertifiedCollection,
  stands: boolean,
): Promise<CertificateFinding> {
  const { collection, schema, records, checksum, published, unexplained } = certified;
  const finding: CertificateFinding = {
    ...{ collection, schema, verified: false, differing: null },
    records: { certified: records, found: null },
    checksum: { certified: checksum.target, found: null },
    mismatches: [],
  };
  if (!published || unexplained !== 0 || checksum.target === null) {
    const how =
      published && unexplained === 0 ? 'did not compare what it holds (--no-verify)' : 'did not publish it';
    const nothing = `Run "${run}" ${how}, so there is nothing to hold the tables against.`;
    return { ...finding, mismatches: [...(await changedSince(client, schema, run)), nothing] };
  }
  if (!stands) return { ...finding, mismatches: [`Schema "${schema}" does not have its tables any more.`] };
  const found = await collectionChecksum(client, layoutOf(certified), schema);
  const seen = {
    ...finding,
    records: { certified: records, found: found.records },
    checksum: { certified: checksum.target, found: found.checksum },
  };
  if (found.records === records && found.checksum === checksum.target) return { ...seen, verified: true };
  const exported = await exportedOf(client, store, run, certified);
  const differing = exported && (await findDiffering(client, store, exported, schema));
  const files = certified.files && (await filesFinding(client, store, run, certified));
  return {
    ...seen,
    ...(files !== undefined && { files }),
    differing,
    mismatches: [
      ...(await changedSince(client, schema, run)),
      `The tables hold ${found.records} records (checksum ${found.checksum}), certified were ${records} (${checksum.target}).`,
      ...(files ? [filesText(files)] : []),
      ...(differing
        ? named(differing)
        : [
            `The records cannot be named: ${store.url} does not have the digests of run "${run}" as it left them.`,
          ]),
    ],
  };
}

/** A sentence on what has changed the tables since a run, and which certificate counts now; none if nothing has. */
async function changedSince(client: pg.Client, schema: string, run: string): Promise<string[]> {
  const last = await lastChange(client, schema);
  if (last === null || last.run === run) return [];
  const { at, certificate } = last;
  return [
    certificate === null
      ? `The tables are by now those of run "${last.run}", live since ${at}: hold its certificate against them.`
      : `Run "${last.run}" added files to the tables at ${at}: hold its certificate against them (${certificate}).`,
  ];
}

type FilesFinding = NonNullable<CertificateFinding['files']>;

function filesText({ records, checksum }: FilesFinding): string {
  const are = `Of the ${records.certified} records of its files ${records.found} are there`;
  return checksum.found === checksum.certified
    ? `${are}, as they were certified: others differ.`
    : `${are} (checksum ${checksum.found}, certified was ${checksum.certified}).`;
}

/** The records of an import's files among what the tables hold; null if the store no longer says which they are. */
async function filesFinding(
  client: pg.Client,
  store: ShardStore,
  run: string,
  { schema, loaded, files }: CertifiedCollection,
): Promise<FilesFinding | null> {
  const key = keys.ofFiles(run, schema);
  const certified = files?.checksum.target ?? null;
  const stored = await checksumsAsFarAsRead(store, [key]);
  if (certified === null || stored.get(key) !== certified) return null;
  await client.query('create temporary table certified (id uuid, digest bigint, shard integer)');
  const copy = client.query(copyFrom('copy certified from stdin (format binary)'));
  await pipeline(Readable.from(digestRows(await store.read(key), 0)), copy);
  const { rows } = await client.query<{ records: number; sum: string }>(
    `select count(*) as records, coalesce(sum(l.digest), 0)::text as sum
       from (${digestsWithIds(schema)}) l join certified using (id)`,
  );
  await client.query('drop table certified');
  const { records, sum } = rows[0]!;
  return {
    records: { certified: loaded, found: records },
    checksum: { certified, found: BigInt.asUintN(64, BigInt(sum)).toString() },
  };
}

const NAMED = 10;

const named = (differing: Verification['differing']): string[] =>
  Object.entries(differing).flatMap(([kind, ids]) => {
    const told = ids.slice(0, NAMED).map((id) => JSON.stringify(id));
    return ids.length === 0 ? [] : [`${kind}: ${told.join(', ')}${ids.length > NAMED ? ', …' : ''}.`];
  });

/** What is still known of the certified records one by one; null unless it is the very sum that was certified. */
async function exportedOf(
  client: pg.Client,
  store: ShardStore,
  run: string,
  certified: CertifiedCollection,
): Promise<Exported | null> {
  const { schema, kind, shards, checksum } = certified;
  const numbers = shards.filter(({ content }) => content === 'rows').map(({ number }) => number);
  // An update's own shards hold only what it moved; what the tables came to lies beside its delta.
  const isUpdate = kind === 'update';
  const digests = isUpdate
    ? [keys.expected(run, schema)]
    : numbers.map((number) => keys.digests(run, schema, number));
  const repaired = isUpdate || !(await hasLedgerTable(client)) ? [] : await repairedRows(client, run, schema);
  const stored = sumOfKnown([...(await checksumsAsFarAsRead(store, digests)).values()]);
  if (stored === null) return null;
  const sum = addChecksums([stored, ...repaired.map(({ digest }) => digest)]);
  if (sum !== checksum.target) return null;
  return { collection: certified, run, shards: numbers, ids: listsOf(run, certified), digests, repaired };
}

/** What an update did not move lies in no rows of its store: its ids do. */
function listsOf(run: string, { schema, kind, shards, files }: CertifiedCollection): string[] {
  if (kind === 'whole') return [];
  if (files) return [keys.keptIds(run, schema)];
  const compared = shards.filter(({ content }) => content === 'digests');
  return compared.map(({ number }) => keys.ids(run, schema, number));
}

/** A store that is not there any more, or may not be read by who checks, has none of them. */
async function checksumsAsFarAsRead(
  store: ShardStore,
  digests: readonly string[],
): Promise<Map<string, string | null>> {
  return storedChecksums(store, digests).catch((error) => {
    if (error instanceof StoreRefused || error instanceof StoreUnavailable) return new Map([['', null]]);
    throw error;
  });
}
