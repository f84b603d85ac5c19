import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { CollectionPlan } from '../contract.ts';
import { digestRows } from '../copy/digest-rows.ts';
import { readCopy } from '../copy/read-copy.ts';
import { recordUuid, uuidBytes } from '../copy/record-id.ts';
import { TABLE_ROWS } from '../copy/table-rows.ts';
import { digestsQuery } from '../postgres/digest.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import type { RepairedRow } from '../repair/ledger.ts';
import { wholeLines } from '../shard/whole-lines.ts';
import { keys } from '../store/keys.ts';
import { ObjectMissing, type ShardStore } from '../store/store.ts';
import type { Verification } from './verification.ts';

/** Records of each kind that are named. */
const NAMED = 100;
/** Rows that are given their ids at a time. */
const BATCH = 10_000;

/** What was exported, and by which run. */
export interface Exported {
  collection: Pick<CollectionPlan, 'schema' | 'collection' | 'collectionId' | 'layout'>;
  run: string;
  /** Shards whose rows may hold the id of a record that is missing. */
  shards: readonly number[];
  /** Records that are in none of them, since they were repaired later. */
  repaired: readonly RepairedRow[];
  /** Keys of objects that hold further ids, as ids.jsonl does. */
  ids?: readonly string[];
  /** Keys of the objects whose digests the table must have. */
  digests: readonly string[];
}

/**
 * Names the records by which a table differs from what was exported: the shards' digests are loaded beside
 * it and compared. Runs only after counts or checksums have differed.
 *
 * @param target schema in which the tables are
 */
export async function findDiffering(
  client: pg.Client,
  store: ShardStore,
  exported: Exported,
  target: string,
): Promise<Verification['differing']> {
  const { collection, digests, repaired } = exported;
  await client.query('create temporary table exported (id uuid, digest bigint, shard integer)');
  for (const [index, key] of digests.entries()) {
    const copy = client.query(copyFrom('copy exported from stdin (format binary)'));
    await pipeline(Readable.from(digestRows(await store.read(key), index)), copy);
  }
  await client.query('insert into exported select * from unnest($1::uuid[], $2::bigint[])', [
    repaired.map(({ rowId }) => rowId),
    repaired.map(({ digest }) => digest),
  ]);
  await findStored(client, collection, target);
  const { rows } = await client.query<{
    kind: keyof Verification['differing'];
    id: string;
    source_id: string | null;
  }>(
    `with compared as (
       select coalesce(e.id, s.id) as id, s.source_id,
              case when s.id is null then 'missing' when e.id is null then 'unexpected' else 'changed' end as kind
         from (select id from (${placed('exported')}) e
                where not exists (select from agreeing a where (a.digest, a.place) = (e.digest, e.place))) e
         full join stored s on s.id = e.id)
     select kind, id, source_id from
       (select *, row_number() over (partition by kind order by id) as place from compared) ranked
      where place <= ${NAMED}`,
  );
  await client.query('drop table exported, stored, agreeing');
  const missing = rows.filter(({ kind }) => kind === 'missing').map(({ id }) => id);
  const named = await namesOf(store, exported, missing);
  for (const { rowId, id } of repaired) named.set(rowId, id);
  const of = (kind: string) =>
    rows.filter((row) => row.kind === kind).map((row) => row.source_id ?? named.get(row.id) ?? row.id);
  return { missing: of('missing'), unexpected: of('unexpected'), changed: of('changed') };
}

/** Rows with their place among those of the same digest: a record that is there twice agrees once. */
const placed = (rows: string): string =>
  `select *, row_number() over (partition by digest) as place from ${rows}`;

/**
 * Makes temporary tables: `agreeing`, digests that both sides have, as often as both have them, and `stored`, what the
 * target's tables hold besides. Not every layout keeps the id that the exporter noted, so it is made of the record's again.
 */
async function findStored(
  client: pg.Client,
  collection: Exported['collection'],
  target: string,
): Promise<void> {
  const namespace = uuidBytes(collection.collectionId);
  await client.query(
    `create temporary table stored as ${placed(`(${digestsQuery(layoutOf(collection), target)}) digested`)};
     create temporary table agreeing as
       select digest, place from (${placed('exported')}) e intersect select digest, place from stored;
     delete from stored s using agreeing a where (a.digest, a.place) = (s.digest, s.place);
     alter table stored add column id uuid, add column number bigint generated always as identity`,
  );
  for (let from = 1; ; from += BATCH) {
    const { rows } = await client.query<{ number: number; source_id: string }>(
      'select number, source_id from stored where number >= $1 and number < $2',
      [from, from + BATCH],
    );
    if (rows.length === 0) return;
    await client.query(
      `update stored set id = made.id from unnest($1::bigint[], $2::uuid[]) as made (number, id)
        where stored.number = made.number`,
      [
        rows.map(({ number }) => number),
        rows.map((row) => recordUuid(Buffer.from(row.source_id), namespace).toString('hex')),
      ],
    );
  }
}

/** Chroma's ids of records that the table does not have, from the shards' own rows and from lists of ids. */
async function namesOf(
  store: ShardStore,
  { collection, run, shards, ids: lists = [] }: Exported,
  ids: string[],
): Promise<Map<string, string>> {
  const namespace = uuidBytes(collection.collectionId);
  const wanted = new Map(ids.map((id) => [id.replaceAll('-', ''), id]));
  const names = new Map<string, string>();
  const sources = [
    ...shards.map((shard) => () => idsInRows(store, collection, run, shard)),
    ...lists.map((key) => () => idsInList(store, key)),
  ];
  for (const read of sources) {
    if (names.size === wanted.size) break;
    for await (const sourceId of read()) {
      const id = wanted.get(recordUuid(sourceId, namespace).toString('hex'));
      if (id !== undefined) names.set(id, sourceId.toString('utf8'));
    }
  }
  return names;
}

async function* idsInRows(
  store: ShardStore,
  { schema, layout }: Exported['collection'],
  run: string,
  shard: number,
): AsyncGenerator<Buffer> {
  const { object, idAt } = TABLE_ROWS[layout][0]!;
  const rows = await ifThere(store.read(keys[object](run, schema, shard)));
  if (rows) for await (const row of readCopy(rows)) yield row[idAt as number] as Buffer;
}

async function* idsInList(store: ShardStore, key: string): AsyncGenerator<Buffer> {
  const pieces = await ifThere(store.readPieces(key));
  if (!pieces) return;
  for await (const block of wholeLines(pieces))
    for (const line of block.toString('utf8').split('\n'))
      if (line !== '') yield Buffer.from(JSON.parse(line) as string);
}

/** What a store does not have names nothing: such records keep their UUID. */
const ifThere = <T>(reading: Promise<T>): Promise<T | null> =>
  reading.catch((error) => {
    if (error instanceof ObjectMissing) return null;
    throw error;
  });
