import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { ImportShardInput, ImportShardOutput, Reject, ShardManifest, ShardObject } from '../contract.ts';
import { digestRows } from '../copy/digest-rows.ts';
import { TABLE_ROWS, type TableRows } from '../copy/table-rows.ts';
import { ShardCorrupt, ShardNotExported, StoreUnavailable, TargetUnavailable } from '../errors.ts';
import { type Log, reportProgress } from '../log.ts';
import { incomingSchema } from '../postgres/collection-schema.ts';
import type { Database } from '../postgres/database.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import { claimShard, completeShard, insertRejects } from '../postgres/ledger.ts';
import { Crc32 } from '../store/crc32.ts';
import { ObjectDamaged, ObjectMissing, type ShardStore } from '../store/store.ts';
import { copyOfLines } from './jsonl-copy.ts';
import { readManifest } from './manifest.ts';
import { Ticker } from './ticker.ts';
import { wholeLines } from './whole-lines.ts';

export interface ImportContext {
  database: Database;
  store: ShardStore;
  log: Log;
}

/**
 * Imports one shard in one transaction: the claim of its row in the ledger, COPY of its tables, counts and
 * checksum, commit. A killed import leaves nothing; a shard that the ledger has is not imported again.
 *
 * @throws ShardCorrupt if the store's objects are not what the manifest says; the manifest is then deleted,
 *   so that the next try exports the shard anew @throws StoreUnavailable if they came damaged, and are whole where they lie
 * @throws ShardNotExported if there is no manifest
 */
export async function importShard(
  context: ImportContext,
  input: ImportShardInput,
): Promise<ImportShardOutput> {
  const { run, schema, number, manifestKey } = input;
  const manifest = await readManifest(context.store, manifestKey);
  if (!manifest)
    throw new ShardNotExported(
      `The manifest ${context.store.urlOf(manifestKey)} is missing: the shard is exported anew when the run goes on.`,
    );
  // Another shard's would be taken for one that is in already, and this shard never come in.
  if (manifest.run !== run || manifest.schema !== schema || manifest.number !== number) {
    await context.store.delete(manifestKey);
    throw corrupt(context.store, manifestKey, "is another shard's");
  }
  try {
    const loaded = await context.database.withKeptClient(`import ${run}`, (client) =>
      importInTransaction(client, context, manifest),
    );
    const skipped = loaded === null;
    context.log.info('shard imported', { run, schema, shard: number, records: manifest.read, skipped });
    return { run, schema, number, loaded: loaded ?? manifest.written, skipped };
  } catch (error) {
    if (!(error instanceof ShardCorrupt)) throw error;
    // An export is not thrown away for what a line alone did to its bytes.
    if (!(error instanceof Miscounted) && (await isWhole(context.store, manifest)))
      throw bentOnTheWay(context.store.urlOf(manifestKey), error);
    await context.store.delete(manifestKey);
    throw error;
  }
}

/** The objects are whole, but did not arrive so: in Postgres, if it is what refused them, or here. */
function bentOnTheWay(manifest: string, cause: ShardCorrupt): StoreUnavailable | TargetUnavailable {
  const [Unavailable, remedy] = isDataError(cause.cause)
    ? [
        TargetUnavailable,
        'check the lines to Postgres and to the store, or start a new run, which exports it anew',
      ]
    : [StoreUnavailable, 'check the line to the store'];
  return new Unavailable(
    `The objects of the store's ${manifest} lie there as they were exported, but did not arrive so: run again, and if it stays so, ${remedy}.`,
    { cause },
  );
}

/** @returns records loaded, or null if the ledger already had the shard */
async function importInTransaction(
  client: pg.Client,
  { store, log }: ImportContext,
  manifest: ShardManifest,
): Promise<number | null> {
  const { run, schema, number } = manifest;
  const importStartedAt = new Date().toISOString();
  // Ledger and tables commit together: a crash that forgets one forgets both, so nobody need wait for the disk.
  await client.query('begin; set local synchronous_commit = off');
  if (!(await claimShard(client, { run, schema, number }))) {
    await client.query('rollback');
    return null;
  }
  const layout = layoutOf(manifest);
  const tables = TABLE_ROWS[manifest.layout];
  if (manifest.content === 'digests') await loadDigests(client, store, manifest);
  // The last has the vectors, and so nearly all of the bytes.
  else
    for (const rows of tables) {
      const table = layout.copied[rows.object] as string;
      const target = [incomingSchema(schema), table].map(pg.escapeIdentifier).join('.');
      await loadTable(client, store, manifest, rows, target, (records) => {
        if (rows === tables.at(-1)) reportProgress(log, { phase: 'import', schema, shard: number, records });
      });
    }
  if (manifest.objects.rejects) await loadRejects(client, store, manifest, manifest.objects.rejects);
  await completeShard(client, {
    ...{ run, schema, number, content: manifest.content, records: manifest.read },
    ...{ loaded: manifest.written, rejected: manifest.rejected, vanished: manifest.vanished },
    ...{ checksum: manifest.checksum, bytes: totalBytes(manifest) },
    ...{ exportStartedAt: manifest.startedAt, exportedAt: manifest.finishedAt, importStartedAt },
  });
  await client.query('commit');
  return manifest.written;
}

/**
 * COPY of one of a shard's objects.
 * @param target the table, quoted @throws ShardCorrupt
 */
export async function loadTable(
  client: pg.Client,
  store: ShardStore,
  manifest: ShardManifest,
  rows: TableRows,
  target: string,
  onProgress: (records: number) => void,
): Promise<void> {
  const ready = manifest.objects[rows.object];
  const object = ready ?? manifest.objects.records;
  if (!object) throw corrupt(store, `${manifest.schema} ${manifest.number}`, 'has no object to load');
  const ticker = new Ticker(() => onProgress(Math.floor((sent / object.bytes) * manifest.written)));
  let sent = 0;
  // Before the COPY begins: one that nobody feeds would fail, with nobody to hear it, when the connection ends.
  const pieces = await checkedBody(store, object, (bytes) => {
    sent += bytes;
    ticker.tick();
  });
  const copy = client.query(
    copyFrom(`copy ${target} (${rows.columns.join(', ')}) from stdin (format binary)`, {
      // One piece at a time: it is with the system, and its memory free, before the next is asked for.
      highWaterMark: 1,
    }),
  );
  const body = ready ? pieces : copyOfLines(pieces, rows.object, manifest);
  try {
    await pipeline(body, copy);
  } catch (error) {
    throw isDataError(error) ? corrupt(store, object.key, 'is not what Postgres reads', error) : error;
  }
  if (copy.rowCount !== manifest.written)
    throw new Miscounted(
      whatOf(store, object.key, `holds ${copy.rowCount} rows and not ${manifest.written}`),
    );
}

/** Beside the incoming tables, where they are compared with what the live ones hold. */
async function loadDigests(client: pg.Client, store: ShardStore, manifest: ShardManifest): Promise<void> {
  const { schema, number, objects } = manifest;
  const pieces = await checkedBody(store, objects.digests, () => undefined);
  const target = `${pg.escapeIdentifier(incomingSchema(schema))}.source_digests`;
  const copy = client.query(copyFrom(`copy ${target} (id, digest, shard) from stdin (format binary)`));
  await pipeline(Readable.from(digestRows(pieces, number)), copy);
  if (copy.rowCount !== manifest.written)
    throw new Miscounted(
      whatOf(store, objects.digests.key, `holds ${copy.rowCount} digests and not ${manifest.written}`),
    );
}

/**
 * The object's bytes, each piece valid until the next is asked for.
 * @throws ShardCorrupt at once if it is missing, and at its end if it is not what was exported
 */
async function checkedBody(
  store: ShardStore,
  object: ShardObject,
  onBytes: (bytes: number) => void,
): Promise<AsyncIterable<Buffer>> {
  const body = await store.readPieces(object.key).catch((error) => {
    throw error instanceof ObjectMissing ? corrupt(store, object.key, 'is missing', error) : error;
  });
  return (async function* () {
    const { checksum, expected } = checksumOf(object);
    let bytes = 0;
    try {
      for await (const piece of body) {
        checksum.update(piece);
        bytes += piece.length;
        onBytes(piece.length);
        yield piece;
      }
    } catch (error) {
      throw error instanceof ObjectDamaged ? corrupt(store, object.key, 'is damaged', error) : error;
    }
    if (bytes !== object.bytes || checksum.hex() !== expected)
      throw corrupt(store, object.key, 'is not what was exported');
  })();
}

async function loadRejects(
  client: pg.Client,
  store: ShardStore,
  { run, schema, number }: ShardManifest,
  object: ShardObject,
): Promise<void> {
  const pieces = await checkedBody(store, object, () => undefined);
  for await (const block of wholeLines(pieces))
    await insertRejects(client, { run, schema, number }, rejectsIn(store, object, block));
}

/** What is taken of an object's bytes, and what it must come to. */
function checksumOf(object: ShardObject) {
  if ('crc32' in object) return { checksum: new Crc32(), expected: object.crc32 };
  const hash = createHash('sha256');
  const checksum = { update: (piece: Buffer) => void hash.update(piece), hex: () => hash.digest('hex') };
  return { checksum, expected: object.sha256 };
}

/** Whether a second look finds the objects as the manifest has them. */
async function isWhole(store: ShardStore, manifest: ShardManifest): Promise<boolean> {
  try {
    for (const object of Object.values(manifest.objects))
      for await (const _piece of await checkedBody(store, object, () => undefined));
    return true;
  } catch (error) {
    if (error instanceof ShardCorrupt) return false;
    throw error;
  }
}

/** Records that the exporter rejected. @throws ShardCorrupt */
export async function* readRejects(store: ShardStore, object: ShardObject): AsyncGenerator<Reject> {
  const pieces = await checkedBody(store, object, () => undefined);
  for await (const block of wholeLines(pieces)) yield* rejectsIn(store, object, block);
}

function rejectsIn(store: ShardStore, { key }: ShardObject, lines: Buffer): Reject[] {
  try {
    return lines
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Reject);
  } catch (error) {
    throw corrupt(store, key, 'is not JSON lines', error);
  }
}

/** SQLSTATE class 22 is "data exception": the bytes are not a COPY stream of these columns. */
const isDataError = (error: unknown) => /^22/.test((error as pg.DatabaseError)?.code ?? '');

const totalBytes = ({ objects }: ShardManifest) =>
  Object.values(objects).reduce((sum, object: ShardObject) => sum + object.bytes, 0);

/** Objects that are whole, of which the manifest does not say what they hold. */
class Miscounted extends ShardCorrupt {}

const whatOf = (store: ShardStore, key: string, what: string) =>
  `The store's ${store.urlOf(key)} ${what}: the shard is exported anew when the run goes on.`;

const corrupt = (store: ShardStore, key: string, what: string, cause?: unknown) =>
  new ShardCorrupt(whatOf(store, key, what), { cause });
