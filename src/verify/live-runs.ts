import type pg from 'pg';
import type { LayoutName } from '../contract.ts';
import { LAST_UPDATE } from '../files/ledger.ts';
import { hasLedgerTable, migrateLedger } from '../postgres/ledger-schema.ts';

/** A live collection, and what the ledger holds of the run that published it. */
export interface LiveRun {
  schema: string;
  collection: string;
  layout: LayoutName;
  run: string;
  /** Import that has last brought its tables up to date from files, and the records that they then held. */
  addedTo: null | { run: string; records: number | null };
  /** null if the run was deleted from the ledger. */
  ledger: null | {
    tenant: string;
    database: string;
    /** The tables were found equal to what was read, and what files have brought to them since to these. */
    verified: boolean;
    targetChecksum: string | null;
    /** Of what was read from Chroma. */
    loaded: number;
    rejected: number;
    checksum: string;
  };
}

/** All live collections; none in a database without a ledger, which does not get one from a look at it. */
export async function liveRuns(client: pg.Client): Promise<LiveRun[]> {
  if (!(await hasLedgerTable(client))) return [];
  // One of an older version does not say what has to be known here.
  await migrateLedger(client);
  const { rows } = await client.query<Omit<LiveRun, 'ledger'> & NonNullable<LiveRun['ledger']>>(
    // Where records were compared (digests), those that differed were read once more as rows: the comparison has all.
    `select p.schema, p.collection, p.layout, p.run, c.tenant, c.database, c.target_checksum::text as "targetChecksum",
            coalesce(u.all_certified, c.verified_at is not null and c.source_checksum = c.target_checksum, false) as verified,
            case when u.run is not null
                 then json_build_object('run', u.run, 'records', u.account -> 'records') end as "addedTo",
            coalesce(s.loaded, 0) as loaded, coalesce(s.rejected, 0) as rejected, coalesce(s.checksum, '0') as checksum
       from chroma_migration.published_schemas p
       left join chroma_migration.collections c using (run, schema)
       ${LAST_UPDATE}
       left join lateral (
         select sum(loaded)::bigint as loaded, sum(rejected)::bigint as rejected,
                mod(sum(checksum), 18446744073709551616)::text as checksum
           from chroma_migration.shards where run = p.run and schema = p.schema
          group by content order by content = 'rows' limit 1) s on true
      order by p.schema`,
  );
  return rows.map(({ schema, collection, layout, run, addedTo, ...ledger }) => ({
    ...{ schema, collection, layout, run, addedTo },
    ledger: (ledger.tenant as string | null) === null ? null : ledger,
  }));
}
