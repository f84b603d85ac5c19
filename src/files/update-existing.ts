import pg from 'pg';
import type { CollectionPlan, Plan, ShardManifest } from '../contract.ts';
import { addChecksums } from '../copy/digest.ts';
import { TABLE_ROWS, type TableRows } from '../copy/table-rows.ts';
import { RecordsRejected, SchemaOccupied, VerificationFailed } from '../errors.ts';
import { type Log, reportProgress } from '../log.ts';
import type { Database } from '../postgres/database.ts';
import { digestsQuery } from '../postgres/digest.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import { loadTable, readRejects } from '../shard/import-shard.ts';
import { requireManifest } from '../shard/manifest.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';

export interface UpdateContext {
  database: Database;
  store: ShardStore;
  log: Log;
}

/** What an update did to one collection. */
export interface Updated {
  collection: string;
  schema: string;
  added: number;
  updated: number;
  rejected: number;
  /** Digests of what was read and of what the live tables hold of it; null if they were not compared. */
  checksum: { source: string; target: string } | null;
}

/** Rejects that an error names. */
const NAMED = 10;

/**
 * Adds a plan's records to the live tables: those of an id that is there take the place of the old ones. One
 * transaction a collection, so that nobody sees half of it, and nothing is left of one that fails.
 *
 * @throws RecordsRejected if records cannot arrive and `skip` is not set; nothing was changed then
 */
export async function updateExisting(
  context: UpdateContext,
  plan: Plan,
  { skip, verify }: { skip: boolean; verify: boolean },
): Promise<Updated[]> {
  const updated: Updated[] = [];
  const collections = await Promise.all(
    plan.collections.map(async (collection) => ({
      collection,
      manifests: await manifestsOf(context.store, plan.run, collection),
    })),
  );
  if (!skip)
    await refuseRejects(
      context.store,
      collections.flatMap(({ manifests }) => manifests),
    );
  for (const { collection, manifests } of collections)
    updated.push(
      await context.database.withClient(`update ${plan.run}`, (client) =>
        updateCollection(client, context, collection, manifests, verify),
      ),
    );
  return updated;
}

const manifestsOf = (store: ShardStore, run: string, { schema, shards }: CollectionPlan) =>
  Promise.all(
    Array.from({ length: shards }, (_, number) => requireManifest(store, keys.manifest(run, schema, number))),
  );

/** @throws RecordsRejected */
async function refuseRejects(store: ShardStore, manifests: ShardManifest[]): Promise<void> {
  const rejected = manifests.reduce((sum, manifest) => sum + manifest.rejected, 0);
  if (rejected === 0) return;
  const named: string[] = [];
  for (const { objects } of manifests)
    if (objects.rejects)
      for await (const { id, reason } of readRejects(store, objects.rejects))
        if (named.length < NAMED) named.push(`"${id}" (${reason})`);
  throw new RecordsRejected(
    `${rejected} record${rejected === 1 ? '' : 's'} cannot arrive as they are: ${named.join(', ')}${rejected > named.length ? ' and others' : ''}; nothing was changed: mend them, or pass --skip-errors.`,
  );
}

/** The guide's two tables: the other layouts are those of libraries, which update them themselves. */
const [documents, embeddings] = TABLE_ROWS.guide as [TableRows, TableRows];

const list = (columns: readonly string[]) => columns.join(', ');
const taken = (columns: readonly string[]) =>
  columns
    .filter((column) => column !== 'id')
    .map((column) => `${column} = excluded.${column}`)
    .join(', ');

async function updateCollection(
  client: pg.Client,
  { database, store, log }: UpdateContext,
  collection: CollectionPlan,
  manifests: ShardManifest[],
  verify: boolean,
): Promise<Updated> {
  const { schema } = collection;
  const live = pg.escapeIdentifier(schema);
  await client.query('begin');
  await holdLive(client, database.where, collection);
  for (const table of ['documents', 'embeddings'])
    await client.query(
      `create temporary table ${table} (like ${live}.${table} including defaults) on commit drop`,
    );
  let records = 0;
  for (const manifest of manifests) {
    for (const rows of TABLE_ROWS[manifest.layout])
      await loadTable(client, store, manifest, rows, `pg_temp.${rows.object}`, () => undefined);
    records += manifest.written;
    reportProgress(log, { phase: 'import', schema, shard: manifest.number, records: manifest.read });
  }
  const staged = await keepLast(client);
  await client.query('analyze pg_temp.documents, pg_temp.embeddings');
  const inserted = await client.query<{ added: boolean }>(
    `with merged as (
       insert into ${live}.documents (${list(documents.columns)})
       select ${list(documents.columns)} from pg_temp.documents
       on conflict (id) do update set ${taken(documents.columns)}, updated_at = now()
       returning xmax = 0 as added)
     select count(*) filter (where added) as added from merged`,
  );
  await client.query(
    `insert into ${live}.embeddings (${list(embeddings.columns)})
     select ${list(embeddings.columns)} from pg_temp.embeddings
     on conflict (id) do update set ${taken(embeddings.columns)}`,
  );
  const source = addChecksums(manifests.map(({ checksum }) => checksum));
  // Lines of one id are one record, whose checksum the file's does not tell.
  const checksum = verify ? await compare(client, collection, staged === records ? source : null) : null;
  await forgetCertificate(client, schema);
  await client.query('commit');
  const added = Number(inserted.rows[0]?.added ?? 0);
  log.info('collection updated', { schema, added, updated: staged - added });
  return {
    ...{ collection: collection.collection, schema, added, updated: staged - added },
    rejected: manifests.reduce((sum, { rejected }) => sum + rejected, 0),
    checksum,
  };
}

/** Holds off publications and rollbacks until the end of the transaction. @throws SchemaOccupied */
async function holdLive(
  client: pg.Client,
  where: string,
  { schema, collection, dimension }: CollectionPlan,
): Promise<void> {
  const { rows: ledger } = await client.query<{ there: boolean }>(
    `select to_regclass('chroma_migration.published_schemas') is not null as there`,
  );
  const { rows } = ledger[0]!.there
    ? await client.query<{ dimension: number; guide: boolean }>(
        `select to_regclass($2) is not null as guide,
                 coalesce((select a.atttypmod from pg_attribute a
                           where a.attrelid = to_regclass($2) and a.attname = 'embedding'), -1) as dimension
           from chroma_migration.published_schemas where schema = $1 for update`,
        [schema, `${pg.escapeIdentifier(schema)}.embeddings`],
      )
    : { rows: [] };
  const [found] = rows;
  if (!found)
    throw new SchemaOccupied(
      `${where} has no migrated collection in schema "${schema}" that "${collection}" could be added to: leave --update-existing out, or name its schema with --schema.`,
    );
  if (!found.guide)
    throw new SchemaOccupied(
      `Schema "${schema}" of ${where} has not the guide's tables but another layout: let its own library update it, or import without --update-existing.`,
    );
  if (dimension !== null && found.dimension > 0 && found.dimension !== dimension)
    throw new SchemaOccupied(
      `Schema "${schema}" of ${where} holds vectors of ${found.dimension} dimensions and the file has ${dimension}: name another schema with --schema.`,
    );
}

/** Of several lines with one id the last one counts. @returns records that are left */
async function keepLast(client: pg.Client): Promise<number> {
  for (const table of ['documents', 'embeddings'])
    await client.query(
      `delete from pg_temp.${table} as one using pg_temp.${table} as later
        where later.id = one.id and later.ctid > one.ctid`,
    );
  const { rows } = await client.query<{ count: number }>('select count(*) from pg_temp.documents');
  return rows[0]!.count;
}

/** @throws VerificationFailed if the live tables do not hold what was read */
async function compare(
  client: pg.Client,
  collection: CollectionPlan,
  source: string | null,
): Promise<{ source: string; target: string }> {
  const layout = layoutOf(collection);
  const { rows } = await client.query<{ staged: string; live: string }>(
    `with read as (${digestsQuery(layout, 'pg_temp')}), held as (
       select l.digest from (${digestsQuery(layout, collection.schema)}) l
         join pg_temp.documents s on s.source_id = l.source_id)
     select (select coalesce(sum(digest), 0)::text from read) as staged,
            (select coalesce(sum(digest), 0)::text from held) as live`,
  );
  const [staged, target] = [rows[0]!.staged, rows[0]!.live].map((sum) =>
    BigInt.asUintN(64, BigInt(sum)).toString(),
  ) as [string, string];
  if (target !== staged || (source !== null && staged !== source))
    throw new VerificationFailed(
      `Of the records that were read "${collection.schema}" holds others (checksum ${target} instead of ${source ?? staged}): nothing was changed, import again.`,
    );
  return { source: source ?? staged, target };
}

/** What the ledger certified of the tables was so before. */
async function forgetCertificate(client: pg.Client, schema: string): Promise<void> {
  await client.query(
    `update chroma_migration.collections c set source_checksum = null, target_checksum = null, verified_at = null
       from chroma_migration.published_schemas p
      where p.schema = $1 and c.schema = p.schema and c.run = p.run`,
    [schema],
  );
}
