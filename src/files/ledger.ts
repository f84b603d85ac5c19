/** The ledger's queries on live tables that files were added to. They run in the caller's transaction. */
import type pg from 'pg';
import { hasLedgerTable } from '../postgres/ledger-schema.ts';
import type { CertifiedCollection } from '../report/certificate.ts';

/** A join for the last update of the tables that the run of `p` made; `u` is null where no files were added to them. */
export const LAST_UPDATE = `left join lateral (
  select * from chroma_migration.file_updates u where u.schema = p.schema and u.tables_of = p.run
   order by u.number desc limit 1) u on true`;

/** What the ledger says that live tables hold. */
export interface CertifiedTables {
  /** Run whose tables they are. */
  tablesOf: string;
  /** Run whose certificate counts: that one, or an import that has brought them up to date since. */
  run: string;
  /** Sum of the digests of all their records modulo 2^64, decimal; null if it is not known. */
  checksum: string | null;
  /** Whether each of these records was compared with what it came from. */
  allCertified: boolean;
}

/** null if nothing is live in the schema. Nobody publishes or rolls back there until the end of the transaction. */
export async function holdCertified(client: pg.Client, schema: string): Promise<CertifiedTables | null> {
  await client.query('select from chroma_migration.published_schemas where schema = $1 for update', [schema]);
  const { rows } = await client.query<CertifiedTables>(
    `select p.run as "tablesOf", coalesce(u.run, p.run) as run,
            (case when u.run is null then c.target_checksum else u.target_checksum end)::text as checksum,
            coalesce(u.all_certified, c.verified_at is not null and c.source_checksum = c.target_checksum, false)
              as "allCertified"
       from chroma_migration.published_schemas p
       left join chroma_migration.collections c using (run, schema)
       ${LAST_UPDATE} where p.schema = $1`,
    [schema],
  );
  return rows[0] ?? null;
}

/** What last changed live tables. */
export interface LastChange {
  run: string;
  /** ISO 8601. */
  at: string;
  /** Files were added to the tables, and the certificate that counts lies there; null if the run made them. */
  certificate: string | null;
}

/** null if nothing is live in the schema, or there is no ledger any more. */
export async function lastChange(client: pg.Client, schema: string): Promise<LastChange | null> {
  if (!(await hasLedgerTable(client))) return null;
  const update = (await hasLedgerTable(client, 'file_updates'))
    ? LAST_UPDATE
    : 'cross join (select null::text as run, null::timestamptz as updated_at, null::text as certificate) u';
  const { rows } = await client.query<Omit<LastChange, 'at'> & { at: Date }>(
    `select coalesce(u.run, p.run) as run, coalesce(u.updated_at, p.published_at) as at, u.certificate
       from chroma_migration.published_schemas p ${update} where p.schema = $1`,
    [schema],
  );
  return rows[0] ? { ...rows[0], at: rows[0].at.toISOString() } : null;
}

/** What an import has done to the tables of a schema. */
interface DoneUpdate {
  plannedAt: string;
  /** The tables have not given way to another run's since. */
  isLive: boolean;
  account: CertifiedCollection;
}

/** What an import has done already, by schema. @param only this one; all of the run by default */
export async function fileUpdates(
  client: pg.Client,
  run: string,
  only: string | null = null,
): Promise<Map<string, DoneUpdate>> {
  const { rows } = await client.query<Omit<DoneUpdate, 'plannedAt'> & { schema: string; at: Date }>(
    `select u.schema, u.planned_at as at, p.run is not null as "isLive", u.account
       from chroma_migration.file_updates u
       left join chroma_migration.published_schemas p on p.schema = u.schema and p.run = u.tables_of
      where u.run = $1 and ($2::text is null or u.schema = $2)`,
    [run, only],
  );
  return new Map(rows.map(({ schema, at, ...done }) => [schema, { ...done, plannedAt: at.toISOString() }]));
}

export interface FileUpdate {
  run: string;
  plannedAt: string;
  tablesOf: string;
  certificate: string;
  account: CertifiedCollection;
  allCertified: boolean;
}

export async function noteFileUpdate(client: pg.Client, update: FileUpdate): Promise<void> {
  const { run, plannedAt, tablesOf, certificate, account, allCertified } = update;
  await client.query(
    `insert into chroma_migration.file_updates
       (run, schema, planned_at, tables_of, certificate, account, target_checksum, all_certified)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      ...[run, account.schema, plannedAt, tablesOf, certificate, JSON.stringify(account)],
      ...[account.checksum.target, allCertified],
    ],
  );
}
