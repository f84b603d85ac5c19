/** What the importer is measured against: other ways to bring the same records into the same two tables. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { ShardManifest } from '../src/contract.ts';
import { TABLE_ROWS } from '../src/copy/table-rows.ts';
import type { ShardStore } from '../src/store/store.ts';

/** A record as a script holds it. */
export interface ScriptRecord {
  id: string;
  sourceId: string;
  document: string | null;
  metadata: Record<string, unknown> | null;
  embedding: number[];
}

const TABLES = ['documents', 'embeddings'] as const;
const copyInto = (schema: string, table: 'documents' | 'embeddings', from: string) =>
  `copy ${schema}.${table} (${TABLE_ROWS.guide.find(({ object }) => object === table)!.columns.join(', ')}) from ${from} (format binary)`;

/** The least that bringing a shard into the tables costs, and what it is called. */
export interface LoadLimit {
  words: string;
  load: () => Promise<void>;
}

/** COPY by the server from its own files, or of ready bytes where it does not read them. Leaves the tables empty. */
export async function limitOf(
  client: pg.Client,
  schema: string,
  store: ShardStore,
  manifest: ShardManifest,
): Promise<LoadLimit> {
  if (await readsFiles(client, schema, store, manifest))
    return {
      words: 'COPY from a file on the server',
      load: () => copyFromFiles(client, schema, store, manifest),
    };
  return {
    words: 'COPY of ready bytes (the server does not read files of this machine)',
    load: await readyBytes(client, schema, store, manifest),
  };
}

/** What a client can do at best: it sends bytes that lie ready in memory, and does nothing else. */
export async function readyBytes(
  client: pg.Client,
  schema: string,
  store: ShardStore,
  { objects }: ShardManifest,
): Promise<LoadLimit['load']> {
  const bytes = {
    documents: await readPieces(store, objects.documents!.key),
    embeddings: await readPieces(store, objects.embeddings!.key),
  };
  return () => copyFromMemory(client, schema, bytes);
}

/**
 * `psql` with both files, its start and its connection included; null where there is no psql.
 * @param core the one that it runs on; all of them by default
 */
export async function psqlCopy(
  url: string,
  schema: string,
  store: ShardStore,
  { objects }: ShardManifest,
  core?: number,
): Promise<LoadLimit['load'] | null> {
  const run = promisify(execFile);
  const found = await run('psql', ['--version']).catch(() => null);
  if (!found) return null;
  const copies = TABLES.flatMap((table) => [
    '-c',
    `\\${copyInto(schema, table, pg.escapeLiteral(store.urlOf(objects[table]!.key)))}`,
  ]);
  const psql = ['psql', url, '-q', '-X', '-v', 'ON_ERROR_STOP=1', '--single-transaction', ...copies];
  const [command, ...args] = core === undefined ? psql : ['taskset', '-c', String(core), ...psql];
  return async () => {
    await run(command!, args);
  };
}

/** One transaction, as the importer has it, of bytes that the server reads from its own machine. */
async function copyFromFiles(
  client: pg.Client,
  schema: string,
  store: ShardStore,
  { objects }: ShardManifest,
): Promise<void> {
  await client.query('begin');
  for (const table of TABLES)
    await client.query(copyInto(schema, table, pg.escapeLiteral(store.urlOf(objects[table]!.key))));
  await client.query('commit');
}

/** A server elsewhere, or without the right, does not read the store's files. */
async function readsFiles(
  client: pg.Client,
  schema: string,
  store: ShardStore,
  { objects }: ShardManifest,
): Promise<boolean> {
  const file = pg.escapeLiteral(store.urlOf(objects.documents!.key));
  await client.query('begin');
  try {
    await client.query(copyInto(schema, 'documents', file));
    return true;
  } catch (error) {
    // No such file, or no right to read it. Whatever else is wrong shall be seen.
    if (['58P01', '42501'].includes((error as pg.DatabaseError).code ?? '')) return false;
    throw error;
  } finally {
    await client.query('rollback');
  }
}

/** One transaction of bytes that lie ready in memory. */
async function copyFromMemory(
  client: pg.Client,
  schema: string,
  bytes: Record<'documents' | 'embeddings', Buffer[]>,
): Promise<void> {
  await client.query('begin');
  for (const table of TABLES)
    await pipeline(
      Readable.from(bytes[table], { objectMode: false }),
      client.query(copyFrom(copyInto(schema, table, 'stdin'))),
    );
  await client.query('commit');
}

/** An object's bytes in pieces as a stream would bring them. */
async function readPieces(store: ShardStore, key: string): Promise<Buffer[]> {
  const bytes = await readFile(store.urlOf(key));
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 2 ** 20) pieces.push(bytes.subarray(at, at + 2 ** 20));
  return pieces;
}

const ROWS_A_STATEMENT = 100;

/** As scripts do it: statements of 100 rows with values as text, here in one transaction, which favours them. */
export async function insertRows(
  client: pg.Client,
  schema: string,
  records: readonly ScriptRecord[],
): Promise<void> {
  await client.query('begin');
  for (let start = 0; start < records.length; start += ROWS_A_STATEMENT) {
    const batch = records.slice(start, start + ROWS_A_STATEMENT);
    await client.query(
      `insert into ${schema}.documents (id, source_id, content, metadata) values ${placeholders(batch.length, 4)}`,
      batch.flatMap(({ id, sourceId, document, metadata }) => [id, sourceId, document, metadata]),
    );
    await client.query(
      `insert into ${schema}.embeddings (id, document_id, embedding) values ${placeholders(batch.length, 3)}`,
      batch.flatMap(({ id, embedding }) => [id, id, JSON.stringify(embedding)]),
    );
  }
  await client.query('commit');
}

/** `($1, $2), ($3, $4)` */
const placeholders = (rows: number, columns: number): string =>
  Array.from(
    { length: rows },
    (_, row) =>
      `(${Array.from({ length: columns }, (_, column) => `$${row * columns + column + 1}`).join(', ')})`,
  ).join(', ');
