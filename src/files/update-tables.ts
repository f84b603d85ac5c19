/** What an import that updates in place does to the live tables of a collection. All runs in the caller's transaction. */
import pg from 'pg';
import type { ShardManifest } from '../contract.ts';
import { TABLE_ROWS } from '../copy/table-rows.ts';
import { digestsWithIds } from '../delta/live-digests.ts';
import { upsertStaged } from '../delta/upsert.ts';
import { reportProgress } from '../log.ts';
import { SHARED_OUT_LOCALLY } from '../postgres/shared-scan.ts';
import { loadTable } from '../shard/import-shard.ts';
import type { UpdateContext } from './update-existing.ts';

export interface StagedShard {
  number: number;
  loaded: number;
  /** Lines whose id a later line has too. */
  repeated: number;
}

/** Of the staged documents: which shard each came with. A person's own column of the live tables hardly has that name. */
const SHARD = pg.escapeIdentifier('%shard');

/** Loads the files' rows into temporary tables. Of several lines with one id the last one counts. */
export async function stage(
  client: pg.Client,
  { store, log }: UpdateContext,
  manifests: readonly ShardManifest[],
): Promise<StagedShard[]> {
  const schema = manifests[0]?.schema ?? '';
  const live = pg.escapeIdentifier(schema);
  for (const table of ['documents', 'embeddings'])
    await client.query(
      `create temporary table ${table} (like ${live}.${table} including defaults) on commit drop`,
    );
  await client.query(`alter table pg_temp.documents add column ${SHARD} integer`);
  for (const manifest of manifests) {
    await client.query(`alter table pg_temp.documents alter column ${SHARD} set default ${manifest.number}`);
    for (const rows of TABLE_ROWS[manifest.layout])
      await loadTable(client, store, manifest, rows, `pg_temp.${rows.object}`, () => undefined);
    reportProgress(log, { phase: 'import', schema, shard: manifest.number, records: manifest.read });
  }
  for (const table of ['documents', 'embeddings'])
    await client.query(
      `delete from pg_temp.${table} as one using pg_temp.${table} as later
        where later.id = one.id and later.ctid > one.ctid`,
    );
  await client.query('analyze pg_temp.documents, pg_temp.embeddings');
  const { rows } = await client.query<{ shard: number; count: number }>(
    `select ${SHARD} as shard, count(*) from pg_temp.documents group by 1`,
  );
  const left = new Map(rows.map(({ shard, count }) => [shard, count]));
  return manifests.map(({ number, written }) => {
    const loaded = left.get(number) ?? 0;
    return { number, loaded, repeated: written - loaded };
  });
}

export interface Merged {
  added: number;
  changed: number;
  unchanged: number;
  /** Sum of the digests of the files' records modulo 2^64, decimal. */
  checksum: string;
  /** The same of the rows whose place they took. */
  replaced: string;
}

/** Columns that a digest does not cover. */
const BESIDE = ['file_path', 'chunk_index', 'start_line', 'end_line', 'language'];

/** Takes into the live tables what differs from them. `pg_temp.compared` holds each of the files' records then. */
export async function merge(client: pg.Client, schema: string): Promise<Merged> {
  const live = pg.escapeIdentifier(schema);
  const columns = (table: string) => `(${BESIDE.map((column) => `${table}.${column}`).join(', ')})`;
  await client.query(
    `create temporary table compared on commit drop as
       select s.id, s.digest, l.digest as live_digest
         from (${digestsWithIds('pg_temp')}) s left join (${digestsWithIds(schema)}) l on l.id = s.id;
     analyze pg_temp.compared`,
  );
  const { rowCount: unchanged } = await client.query(
    `delete from pg_temp.documents s using pg_temp.compared c, ${live}.documents d
      where c.id = s.id and d.id = s.id and c.digest = c.live_digest
        and ${columns('s')} is not distinct from ${columns('d')}`,
  );
  await client.query(
    'delete from pg_temp.embeddings e where not exists (select from pg_temp.documents d where d.id = e.id)',
  );
  await upsertStaged(client, { schema, live, staged: 'pg_temp' });
  const { rows } = await client.query<{ records: number; added: number; sum: string; replaced: string }>(
    `select count(*) as records, count(*) filter (where live_digest is null) as added,
            coalesce(sum(digest), 0)::text as sum, coalesce(sum(live_digest), 0)::text as replaced
       from pg_temp.compared`,
  );
  const { records, added, sum, replaced } = rows[0]!;
  return {
    ...{ added, changed: records - added - unchanged!, unchanged: unchanged! },
    ...{ checksum: modulo(sum), replaced: modulo(replaced) },
  };
}

/** Of a sum of digests, decimal. */
export const modulo = (sum: string | bigint): string => BigInt.asUintN(64, BigInt(sum)).toString();

/** What is found in the live tables. */
export interface Found {
  records: number;
  checksum: string;
  /** Of these, the files'. */
  files: { records: number; checksum: string };
}

/** Counts and digests every record of the live tables; `pg_temp.held` holds each of them then. */
export async function look(client: pg.Client, schema: string): Promise<Found> {
  const live = pg.escapeIdentifier(schema);
  await client.query(
    `${SHARED_OUT_LOCALLY}; create temporary table held on commit drop as ${digestsWithIds(schema)}`,
  );
  const { rows } = await client.query<{
    rows: number;
    records: number;
    sum: string;
    files: number;
    files_sum: string;
  }>(
    // A row that belongs to no record, for one a document without its embedding, shows in the larger count.
    `select greatest((select count(*) from ${live}.documents), (select count(*) from ${live}.embeddings)) as rows,
            count(*) as records, coalesce(sum(h.digest), 0)::text as sum,
            count(c.id) as files, coalesce(sum(h.digest) filter (where c.id is not null), 0)::text as files_sum
       from pg_temp.held h left join pg_temp.compared c using (id)`,
  );
  const { rows: all, records, sum, files, files_sum } = rows[0]!;
  return {
    ...{ records: Math.max(all, records), checksum: modulo(sum) },
    files: { records: files, checksum: modulo(files_sum) },
  };
}
