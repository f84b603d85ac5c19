import type pg from 'pg';
import { furtherIndex, metadataIndexName } from './further-indexes.ts';
import { type LiveCollection, qualified } from './live-collections.ts';

/** What a sample of the table says of one metadata key. */
export interface LiveMetadataKey {
  key: string;
  /** jsonb_typeof of its values. */
  types: string[];
  /** Share of the sampled records that have it, 0 to 1. */
  share: number;
  /** Different values in the sample. */
  values: number;
  longestBytes: number;
}

export interface IndexSuggestion {
  schema: string;
  key: string;
  /** Of tune's --index. */
  option: string;
  ddl: string;
  reason: string;
}

const SAMPLED = 5000;
/** Below this many records a scan of the whole table takes a millisecond or two. */
const WORTH_AN_INDEX = 1000;
/** A key that most records have is one that an application can filter by. */
const HOT_SHARE = 0.5;
/** A filter that keeps more than a tenth of the records is no faster with an index (pgvector README, "Filtering"). */
const LEAST_VALUES = 10;
/** A btree row holds a third of a page at most: values that come near it would make the build fail. */
const LONGEST = 1000;
const MOST_SUGGESTIONS = 5;
/** Keys that have a column of their own in the guide's table, which is indexed by itself. */
const HAVE_COLUMNS = new Set(['file_path', 'chunk_index', 'start_line', 'end_line', 'language']);

/** Looks at some thousand records, spread over the table. */
export async function metadataKeys(
  client: pg.Client,
  { schema, records }: LiveCollection,
): Promise<LiveMetadataKey[]> {
  const percent = Math.min(100, (100 * SAMPLED) / Math.max(1, records));
  const { rows } = await client.query<LiveMetadataKey>(
    `with sampled as (select metadata from ${qualified(schema, 'documents')} tablesample system ($1) limit $2),
          counted as (select count(*) as records from sampled)
     select key, array_agg(distinct jsonb_typeof(value)) as types, count(*)::float8 / counted.records as share,
            count(distinct value) as values, max(octet_length(value::text)) as "longestBytes"
       from counted, sampled,
            jsonb_each(case when jsonb_typeof(metadata) = 'object' then metadata end)
      group by key, counted.records
      order by count(*) desc, key limit 200`,
    [percent, 2 * SAMPLED],
  );
  return rows;
}

/** Indexes for keys that most records have and that tell records apart; the most telling first. Pure. */
export function suggestIndexes(
  live: Pick<LiveCollection, 'schema' | 'records'>,
  keys: readonly LiveMetadataKey[],
  existing: ReadonlySet<string>,
): IndexSuggestion[] {
  if (live.records < WORTH_AN_INDEX) return [];
  return keys
    .filter(
      ({ key, types, share, values, longestBytes }) =>
        types.length === 1 &&
        ['string', 'number'].includes(types[0]!) &&
        share >= HOT_SHARE &&
        values >= LEAST_VALUES &&
        longestBytes <= LONGEST &&
        !HAVE_COLUMNS.has(key) &&
        !existing.has(metadataIndexName(key)),
    )
    .toSorted((one, other) => other.values - one.values)
    .slice(0, MOST_SUGGESTIONS)
    .map(({ key, types, share, values }) => {
      const { ddl, reason } = furtherIndex({ kind: 'metadata', key }, live.schema, {
        today: new Date(0),
        numeric: types[0] === 'number',
      });
      const seen = `In ${Math.round(share * 100)} % of the sampled records, with ${values} different values.`;
      return { schema: live.schema, key, option: `metadata=${key}`, ddl, reason: `${seen} ${reason}` };
    });
}

/** Names of a schema's valid indexes. */
export async function indexNames(client: pg.Client, schema: string): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid
      where i.indisvalid and i.indrelid = to_regclass($1)`,
    [qualified(schema, 'documents')],
  );
  return new Set(rows.map(({ name }) => name));
}
