import type pg from 'pg';
import { addChecksums } from '../copy/digest.ts';
import { StoreRefused, StoreUnavailable } from '../errors.ts';
import { type Log, reportProgress } from '../log.ts';
import type { Database } from '../postgres/database.ts';
import { collectionChecksum } from '../postgres/digest.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
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
  if (!published || unexplained !== 0 || checksum.target === null)
    return {
      ...finding,
      mismatches: [`Run "${run}" did not publish it, so there is nothing to hold the tables against.`],
    };
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
  const live = await liveRun(client, schema);
  return {
    ...seen,
    differing,
    mismatches: [
      ...(live !== null && live !== run
        ? [`The tables are by now those of run "${live}": hold its certificate against them.`]
        : []),
      `The tables hold ${found.records} records (checksum ${found.checksum}), certified were ${records} (${checksum.target}).`,
      ...(differing
        ? named(differing)
        : [
            `The records cannot be named: ${store.url} does not have the digests of run "${run}" as it left them.`,
          ]),
    ],
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
  const repaired = isUpdate || !(await hasLedger(client)) ? [] : await repairedRows(client, run, schema);
  const stored = sumOfKnown([...(await checksumsAsFarAsRead(store, digests)).values()]);
  if (stored === null) return null;
  const sum = addChecksums([stored, ...repaired.map(({ digest }) => digest)]);
  return sum === checksum.target ? { collection: certified, run, shards: numbers, digests, repaired } : null;
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

async function hasLedger(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    `select to_regclass('chroma_migration.published_schemas') is not null as there`,
  );
  return rows[0]!.there;
}

/** Run whose tables the ledger says are live; null if there is no ledger any more. */
async function liveRun(client: pg.Client, schema: string): Promise<string | null> {
  if (!(await hasLedger(client))) return null;
  const { rows } = await client.query<{ run: string }>(
    'select run from chroma_migration.published_schemas where schema = $1',
    [schema],
  );
  return rows[0]?.run ?? null;
}
