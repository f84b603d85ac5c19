import { Readable } from 'node:stream';
import pg from 'pg';
import type { CollectionPlan, LayoutName, Plan, ShardManifest } from '../contract.ts';
import { addChecksums } from '../copy/digest.ts';
import { SchemaOccupied, VerificationFailed } from '../errors.ts';
import { reportProgress } from '../log.ts';
import { fetched, fetchedDigests } from '../postgres/fetched.ts';
import { hasLedgerTable } from '../postgres/ledger-schema.ts';
import type { CertifiedCollection } from '../report/certificate.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import { storedChecksums } from '../verify/stored-checksums.ts';
import { type CertifiedTables, fileUpdates, holdCertified, noteFileUpdate } from './ledger.ts';
import type { UpdateContext } from './update-existing.ts';
import { type Found, look, type Merged, merge, modulo, type StagedShard, stage } from './update-tables.ts';

interface Update {
  plan: Plan;
  collection: CollectionPlan;
  manifests: readonly ShardManifest[];
  /** Whether the tables are compared and certified afterwards. */
  verify: boolean;
}

/**
 * Brings the live tables of one collection up to date, and notes in the same transaction what they then hold: whoever
 * is killed before its end has changed nothing, and a call after it finds what the first one did.
 *
 * @returns the account of the collection
 * @throws SchemaOccupied, UpdateImpossible, VerificationFailed
 */
export async function updateCollection(
  client: pg.Client,
  { database, store, log }: UpdateContext,
  { plan, collection, manifests, verify }: Update,
): Promise<CertifiedCollection> {
  const { schema } = collection;
  const { run } = plan;
  await client.query('begin');
  const before = await holdLive(client, database.where, collection);
  const done = (await fileUpdates(client, run, schema)).get(schema);
  if (done) {
    await client.query('rollback');
    return done.account;
  }
  const shards = await stage(client, { database, store, log }, manifests);
  // Readers go on; whoever else would write waits until this is committed.
  const live = pg.escapeIdentifier(schema);
  await client.query(`lock table ${live}.documents, ${live}.embeddings in share row exclusive mode`);
  const merged = await merge(client, schema);
  const loaded = shards.reduce((sum, shard) => sum + shard.loaded, 0);
  const source = addChecksums(manifests.map(({ checksum }) => checksum));
  const repeated = shards.reduce((sum, shard) => sum + shard.repeated, 0);
  reportProgress(log, { phase: 'verify', schema, records: 0 });
  const found = verify ? await look(client, schema) : null;
  // Lines of one id are one record, whose checksum the files' does not tell.
  const expected = repeated === 0 ? source : merged.checksum;
  if (found && (found.files.records !== loaded || found.files.checksum !== expected))
    throw new VerificationFailed(
      `Of the ${loaded} records that were read "${schema}" would hold ${found.files.records}, or others (checksum ${found.files.checksum} instead of ${expected}): nothing was changed, import again.`,
    );
  const kept = found && keptOf(before, merged, found);
  const stored = found && (await storeDigests(client, store, run, schema));
  const rejected = manifests.reduce((sum, manifest) => sum + manifest.rejected, 0);
  const read = manifests.reduce((sum, manifest) => sum + manifest.read, 0) - repeated;
  const account: CertifiedCollection = {
    ...headOf(collection, before.layout),
    ...{ read, loaded, rejected, vanished: 0, unexplained: read - loaded - rejected },
    ...{ kept: found ? found.records - loaded : 0, published: true, records: found?.records ?? null },
    checksum: {
      source: kept && addChecksums([kept.checksum, expected]),
      store: stored?.whole ?? null,
      target: found?.checksum ?? null,
    },
    files: {
      ...{ added: merged.added, changed: merged.changed, unchanged: merged.unchanged, repeated },
      checksum: { source: expected, store: stored?.files ?? null, target: found?.files.checksum ?? null },
      keptCertifiedBy: kept?.certified ? before.run : null,
    },
    shards: await shardAccounts(store, run, schema, manifests, shards),
  };
  await noteFileUpdate(client, {
    ...{ run, plannedAt: plan.createdAt, tablesOf: before.tablesOf, account },
    certificate: store.urlOf(keys.certificate(run)),
    allCertified: found !== null && (account.kept === 0 || (kept?.certified === true && before.allCertified)),
  });
  await client.query('commit');
  reportProgress(log, { phase: 'verify', schema, records: found?.records ?? loaded });
  log.info('collection updated', { schema, ...account.files });
  return account;
}

/** Of a collection that the import has not come to: nothing of it is in the live tables. */
export const untouched = (
  collection: CollectionPlan,
  manifests: readonly ShardManifest[],
): CertifiedCollection => {
  const read = manifests.reduce((sum, manifest) => sum + manifest.read, 0);
  const rejected = manifests.reduce((sum, manifest) => sum + manifest.rejected, 0);
  return {
    ...headOf(collection, collection.layout),
    ...{ read, loaded: 0, rejected, vanished: 0, unexplained: read - rejected },
    ...{ kept: 0, published: false, records: null },
    checksum: { source: addChecksums(manifests.map(({ checksum }) => checksum)), store: null, target: null },
    shards: manifests.map((manifest) => ({
      ...{ number: manifest.number, content: manifest.content, read: manifest.read },
      ...{ loaded: 0, rejected: manifest.rejected, vanished: 0 },
      unexplained: manifest.read - manifest.rejected,
      checksum: { source: manifest.checksum, store: null },
    })),
  };
};

function headOf(
  { tenant, database, collection, collectionId, schema, dimension, space }: CollectionPlan,
  layout: LayoutName,
) {
  const names = { tenant, database, collection, collectionId, schema };
  return { ...names, dimension, space, layout, kind: 'update' as const };
}

/** Holds off publications and rollbacks until the end of the transaction. @throws SchemaOccupied */
async function holdLive(
  client: pg.Client,
  where: string,
  { schema, collection, collectionId, dimension, layout }: CollectionPlan,
): Promise<CertifiedTables & { layout: LayoutName }> {
  const certified = (await hasLedgerTable(client)) ? await holdCertified(client, schema) : null;
  if (!certified)
    throw new SchemaOccupied(
      `${where} has no migrated collection in schema "${schema}" that "${collection}" could be added to: leave --update-existing out, or name its schema with --schema.`,
    );
  const { rows } = await client.query<{
    layout: LayoutName;
    collectionId: string;
    guide: boolean;
    dimension: number;
  }>(
    `select layout, collection_id as "collectionId", to_regclass($2) is not null as guide,
            coalesce((select a.atttypmod from pg_attribute a
                       where a.attrelid = to_regclass($2) and a.attname = 'embedding'), -1) as dimension
       from chroma_migration.published_schemas where schema = $1`,
    [schema, `${pg.escapeIdentifier(schema)}.embeddings`],
  );
  const found = rows[0]!;
  if (!found.guide || (layout !== 'guide' && layout !== 'shared'))
    throw new SchemaOccupied(
      `Schema "${schema}" of ${where} has not the guide's tables but another layout: let its own library update it, or import without --update-existing.`,
    );
  if (dimension !== null && found.dimension > 0 && found.dimension !== dimension)
    throw new SchemaOccupied(
      `Schema "${schema}" of ${where} holds vectors of ${found.dimension} dimensions and the file has ${dimension}: name another schema with --schema.`,
    );
  // The ids of rows are made of the collection's: others would stand beside the same record's.
  if (found.collectionId !== collectionId)
    throw new SchemaOccupied(
      `Schema "${schema}" of ${where} holds another collection than it did when the files were read: import them again, as a run of another name.`,
    );
  return { ...certified, layout: found.layout };
}

/**
 * Whether the rows that the files do not speak of are still those that were certified: these are what was certified of
 * the whole table but for the rows that the files have replaced.
 */
function keptOf(
  before: CertifiedTables,
  { replaced }: Merged,
  { checksum, files }: Found,
): { checksum: string; certified: boolean } {
  const kept = modulo(BigInt(checksum) - BigInt(files.checksum));
  const certified = before.checksum !== null && modulo(BigInt(before.checksum) - BigInt(replaced)) === kept;
  return { checksum: kept, certified };
}

/** Stores what names records that differ later. @returns sums of what lies in the store; null where it is damaged */
async function storeDigests(
  client: pg.Client,
  store: ShardStore,
  run: string,
  schema: string,
): Promise<{ whole: string | null; files: string | null }> {
  const [whole, files] = [keys.expected(run, schema), keys.ofFiles(run, schema)];
  const held = 'select h.id, h.digest from pg_temp.held h';
  await store.write(whole, Readable.from(fetchedDigests(client, held)));
  await store.write(
    files,
    Readable.from(fetchedDigests(client, `${held} join pg_temp.compared c using (id)`)),
  );
  await store.write(keys.keptIds(run, schema), Readable.from(keptIds(client)));
  const sums = await storedChecksums(store, [whole, files]);
  return { whole: sums.get(whole) ?? null, files: sums.get(files) ?? null };
}

/** In the form of ids.jsonl. */
async function* keptIds(client: pg.Client): AsyncGenerator<Buffer> {
  const kept =
    'select source_id from pg_temp.held h where not exists (select from pg_temp.compared c where c.id = h.id)';
  for await (const rows of fetched<{ source_id: string }>(client, kept))
    yield Buffer.from(rows.map(({ source_id }) => `${JSON.stringify(source_id)}\n`).join(''));
}

async function shardAccounts(
  store: ShardStore,
  run: string,
  schema: string,
  manifests: readonly ShardManifest[],
  shards: readonly StagedShard[],
): Promise<CertifiedCollection['shards']> {
  const sums = await storedChecksums(
    store,
    shards.map(({ number }) => keys.digests(run, schema, number)),
  );
  return manifests.map((manifest, place) => {
    const { number, rejected, content, checksum } = manifest;
    const { loaded, repeated } = shards[place]!;
    const read = manifest.read - repeated;
    const stored = sums.get(keys.digests(run, schema, number)) ?? null;
    return {
      ...{ number, content, read, loaded, rejected, vanished: 0, unexplained: read - loaded - rejected },
      checksum: { source: checksum, store: stored },
    };
  });
}
