/** Options that several commands share, and what the engine takes of them. */
import { readFileSync } from 'node:fs';
import { ChromaSource } from '../src/chroma/chroma-source.ts';
import { isServer, type RecordSource } from '../src/chroma/record-source.ts';
import { LAYOUTS, REJECT_POLICIES } from '../src/contract.ts';
import { FilesSource } from '../src/files/files-source.ts';
import type { MigrationRequest } from '../src/migration-input.ts';
import { type Database, openDatabase } from '../src/postgres/database.ts';
import type { Values } from './command-line/options.ts';
import {
  bytes,
  config,
  file,
  flag,
  headers,
  integer,
  list,
  oneOf,
  place,
  runName,
  schemaName,
  sourceUrl,
  sourceUrlOrFolder,
  sparseColumns,
  targetUrl,
} from './command-line/values.ts';

const configOption = {
  config: config(
    "the application's configuration: its database, and its chromadb if it names one (docs/guide.md)",
  ),
};

export const sourceOptions = {
  source: sourceUrl('address of the Chroma server; chromadb stands for the one of --config', {
    required: ['config'],
  }),
  sourceHeader: headers(
    'header for each request to Chroma, for one a token; @FILE has a header a line and hides them from ps; may be repeated',
  ),
  sourceCa: file("certificate authority of Chroma's server, PEM"),
  ...configOption,
};

/** The same for commands that only read: a folder of Chroma's own PersistentClient will do too. */
export const readableSourceOptions = {
  ...sourceOptions,
  source: sourceUrlOrFolder(
    'address of the Chroma server, or a folder of its PersistentClient; chromadb stands for the one of --config',
    { required: ['config'] },
  ),
};

export const targetOptions = {
  target: targetUrl('address of the Postgres database; PGPASSWORD is its password if it has none', {
    required: ['config'],
  }),
  targetCa: file("certificate authority of Postgres' server, PEM"),
  ...configOption,
};

/** What decides which records are moved, and where to. */
export const selectionOptions = {
  collections: list('A,B', 'names of collections; all by default'),
  tenants: list('A,B', "tenants to look in; the credentials' own by default"),
  databases: list('A,B', 'databases to look in; all of the tenant by default'),
  schema: schemaName("target schema, if one collection is moved; made from the collection's name by default"),
  format: oneOf(
    ['pgcopy', 'jsonl'],
    'what the store holds: the bytes that Postgres reads (default), or JSON lines',
  ),
  shardBytes: bytes('vector bytes of a shard; 64MB by default', { min: 64 * 1024, max: 1024 ** 3 }),
  layout: oneOf(LAYOUTS, 'tables that a collection arrives in (docs/layouts.md); guide by default'),
  sparseColumn: sparseColumns(
    'key of the metadata whose sparse vectors get a column of type sparsevec, its name (made from the key by default) and its dimension (1000000000 by default); may be repeated (docs/awkward-data.md)',
  ),
  index: oneOf(['hnsw', 'ivfflat'], 'approximate index on the embeddings; hnsw by default'),
};

export const runOptions = {
  store: place('folder or s3://BUCKET/PREFIX for shards and reports; .chroma-to-pgvector by default'),
  run: runName('name of the run; the same name goes on where that run stopped'),
  concurrency: integer(
    'shards that are moved at the same time; the number of cores, at least 2, by default',
    {
      min: 1,
      max: 1000,
    },
  ),
  onReject: oneOf(
    REJECT_POLICIES,
    'when a record cannot arrive as it is: publish nothing (default), publish the rest, or repair what can be without guessing (NUL becomes U+2400)',
  ),
  sampleSize: integer('searches that are compared with Chroma for each collection; 50 by default', {
    min: 0,
    max: 10_000,
  }),
  tune: oneOf(
    ['apply', 'search', 'report', 'off'],
    "parameters to set: all, the database's search settings (default), none but reported, none",
  ),
  instanceMemory: bytes("memory of the database server, if it is not this machine's", {
    min: 2 ** 26,
    max: 2 ** 46,
  }),
  takeOver: flag('take the target schemas over from another run'),
  updateExisting: flag('bring the live tables up to date in place: only what differs from Chroma is moved'),
  deleteMissing: flag('with --update-existing: delete from the live tables what Chroma no longer holds'),
};

/** For commands that run the state machine on this machine. */
export const uiOptions = {
  ui: flag('a page about the run on this machine while it goes on; its address is printed'),
};

export const outputOptions = {
  json: flag('print one JSON object on standard output and nothing else'),
  quiet: flag('no progress'),
  verbose: flag('stack traces of errors, and what the steps log'),
};

type Configured<V extends { config: unknown }> = Omit<V, 'config'> & Partial<Pick<V, 'config'>>;
export type SourceValues = Configured<Values<typeof sourceOptions>>;
export type TargetValues = Configured<Values<typeof targetOptions>>;

/** @param connections that are kept to the server at most */
export function openSource(
  { source, sourceHeader, sourceCa }: SourceValues,
  connections?: number,
): RecordSource {
  if (!isServer(source as string)) return new FilesSource(source as string);
  return new ChromaSource(
    {
      url: source as string,
      ...(sourceHeader && { headers: sourceHeader }),
      ...(sourceCa && { ca: readFileSync(sourceCa, 'utf8') }),
    },
    connections,
  );
}

export const openTarget = ({ target, targetCa, config }: TargetValues): Database => {
  const timeout = config?.fields.database?.pool?.timeout;
  return openDatabase({
    url: target as string,
    ...(targetCa && { ca: readFileSync(targetCa, 'utf8') }),
    ...(timeout && { connectMilliseconds: timeout * 1000 }),
  });
};

type RequestValues = Partial<Values<typeof selectionOptions> & Values<typeof runOptions>>;

/** What the options ask of the state machine; what was not given is left to its defaults. */
export function requestOf(values: RequestValues): MigrationRequest {
  const { store: _, instanceMemory: instanceMemoryBytes, sparseColumn, ...rest } = values;
  const request = { ...rest, instanceMemoryBytes, sparseColumns: sparseColumn };
  const names = [
    ...Object.keys(selectionOptions),
    ...Object.keys(runOptions),
    ...['instanceMemoryBytes', 'sparseColumns'],
  ];
  return Object.fromEntries(
    Object.entries(request).filter(([name, value]) => names.includes(name) && value !== undefined),
  );
}
