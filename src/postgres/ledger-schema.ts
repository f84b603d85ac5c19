import type pg from 'pg';
import ledger from '../../sql/ledger/0001_ledger.sql';
import plannedAt from '../../sql/ledger/0002_planned_at.sql';
import layouts from '../../sql/ledger/0003_layouts.sql';
import repairs from '../../sql/ledger/0004_repairs.sql';
import vanished from '../../sql/ledger/0005_vanished.sql';
import predictedSpills from '../../sql/ledger/0006_predicted_spills.sql';
import fileUpdates from '../../sql/ledger/0007_file_updates.sql';

/** Forward only: a migration that was released is never changed, only followed by another. */
const MIGRATIONS = [
  { number: 1, name: '0001_ledger', sql: ledger },
  { number: 2, name: '0002_planned_at', sql: plannedAt },
  { number: 3, name: '0003_layouts', sql: layouts },
  { number: 4, name: '0004_repairs', sql: repairs },
  { number: 5, name: '0005_vanished', sql: vanished },
  { number: 6, name: '0006_predicted_spills', sql: predictedSpills },
  { number: 7, name: '0007_file_updates', sql: fileUpdates },
];

/** Any number; the same for all who migrate the ledger. */
const LEDGER_LOCK = 0x63687267;

/** Holds up all others who would change the database's furniture until the transaction's end. */
export const lockLedger = (client: pg.Client) =>
  client.query('select pg_advisory_xact_lock($1)', [LEDGER_LOCK]);

/**
 * Brings the ledger up to date. Many may call it at once: the first holds the lock, the others wait and then
 * find nothing to do.
 */
export async function migrateLedger(client: pg.Client): Promise<void> {
  await client.query('begin');
  await lockLedger(client);
  await client.query('create schema if not exists chroma_migration');
  await client.query(
    `create table if not exists chroma_migration.migrations
       (number integer primary key, name text not null, applied_at timestamptz not null default now())`,
  );
  for (const { number, name, sql } of MIGRATIONS) {
    const { rowCount } = await client.query(
      'insert into chroma_migration.migrations (number, name) values ($1, $2) on conflict do nothing',
      [number, name],
    );
    if (rowCount) await client.query(sql);
  }
  await client.query('commit');
}

/** Whether the database has the ledger's table: a look at one without a ledger, or with an older one, makes none. */
export async function hasLedgerTable(client: pg.Client, table = 'published_schemas'): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>('select to_regclass($1) is not null as there', [
    `chroma_migration.${table}`,
  ]);
  return rows[0]!.there;
}
