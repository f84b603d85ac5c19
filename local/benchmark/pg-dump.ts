import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, globSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import pg from 'pg';
import type { Benchmark } from '../../src/benchmark/benchmark.ts';
import type { Database } from '../../src/postgres/database.ts';
import { Interrupted } from '../interrupt.ts';
import { openTarget } from '../source-options.ts';

export type BackupWish = 'none' | 'dump' | 'restore';

export interface BackupSettings {
  database: Database;
  /** Address of the database, with its password. */
  target: string;
  targetCa: string | undefined;
  schema: string;
  /** The table of the vectors. */
  vectors: string;
  /** Of tables and indexes. */
  bytes: number;
  /** null: nobody said; then what is large is left alone. */
  wish: BackupWish | null;
  signal: AbortSignal;
}

type Backup = Benchmark['backup'];

/** More than this is backed up only if somebody asks for it. */
const UNASKED_BYTES = 5 * 1024 ** 3;
const MOST_MINUTES = 30;
const NOTHING: Backup = {
  tool: null,
  dumpSeconds: null,
  dumpBytes: null,
  restoreSeconds: null,
  reason: null,
};

/**
 * How long pg_dump takes for the collection's schema, and pg_restore into a new database of the same server, which
 * is dropped again whatever happens. What cannot be measured is said in `reason`, and is no error.
 */
export async function measureBackup(settings: BackupSettings): Promise<Backup> {
  const { wish, bytes, database } = settings;
  if (wish === 'none') return { ...NOTHING, reason: 'Not asked for.' };
  if (wish === null && bytes > UNASKED_BYTES)
    return {
      ...NOTHING,
      reason: 'The schema is larger than 5 GiB: --backup restore measures it nevertheless.',
    };
  const bin = findTools();
  if (!bin)
    return {
      ...NOTHING,
      reason: 'There is no pg_dump on this machine: install postgresql-client of the server’s version.',
    };
  const version = (await output(join(bin, 'pg_dump'), ['--version'], settings)).trim();
  const server = await database.withClient('bench', async (client) => {
    const { rows } = await client.query<{ major: number; embedded: boolean }>(
      `select current_setting('server_version_num')::integer / 10000 as major, version() ~ 'PGlite|emscripten' as embedded`,
    );
    return rows[0]!;
  });
  const tool = version.replace(/ \(PostgreSQL\)/, '');
  if (server.embedded)
    return { ...NOTHING, tool, reason: 'An embedded database is backed up by copying its folder.' };
  if (Number(/(\d+)/.exec(version)?.[1]) < server.major)
    return {
      ...NOTHING,
      tool,
      reason: `It is older than the server, which is version ${server.major}, and refuses it.`,
    };
  const folder = await mkdtemp(join(tmpdir(), 'chroma-to-pgvector-bench-'));
  try {
    return await dumpAndRestore(settings, bin, tool, join(folder, 'backup.dump'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function dumpAndRestore(
  settings: BackupSettings,
  bin: string,
  tool: string,
  file: string,
): Promise<Backup> {
  const { database, schema, vectors, wish } = settings;
  const count = async (client: pg.Client) => {
    const { rows } = await client.query<{ records: number }>(
      `select count(*) as records from ${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(vectors)}`,
    );
    return rows[0]!.records;
  };
  const before = await database.withClient('bench', count);
  const dumped = await timed(() =>
    output(
      join(bin, 'pg_dump'),
      ['--format=custom', '--no-owner', '--no-privileges', `--schema=${pattern(schema)}`, `--file=${file}`],
      settings,
    ),
  );
  if (dumped.reason) return { ...NOTHING, tool, reason: dumped.reason };
  const backup = { ...NOTHING, tool, dumpSeconds: dumped.seconds, dumpBytes: statSync(file).size };
  if (wish === 'dump') return { ...backup, reason: 'A restore was not asked for.' };
  const scratch = `chroma_to_pgvector_bench_${randomBytes(6).toString('hex')}`;
  try {
    await database.withClient('bench', (client) => client.query(`create database ${scratch}`));
  } catch (error) {
    return { ...backup, reason: `No database could be made to restore to: ${(error as Error).message}` };
  }
  try {
    await prepareScratch(settings, scratch);
    const restored = await timed(() =>
      output(
        join(bin, 'pg_restore'),
        ['--no-owner', '--exit-on-error', `--dbname=${scratch}`, file],
        settings,
      ),
    );
    if (restored.reason) return { ...backup, reason: restored.reason };
    const records = await inScratch(settings, scratch, count);
    if (records !== before)
      return {
        ...backup,
        reason: `The restored table holds ${records} records instead of ${before}.`,
      };
    return { ...backup, restoreSeconds: restored.seconds };
  } finally {
    await database.withClient('bench', (client) =>
      client.query(`drop database if exists ${scratch} with (force)`),
    );
  }
}

/** A dump of one schema leaves extensions out. */
async function prepareScratch(settings: BackupSettings, scratch: string): Promise<void> {
  const where = await settings.database.withClient('bench', async (client) => {
    const { rows } = await client.query<{ schema: string }>(
      `select nspname as schema from pg_extension join pg_namespace n on n.oid = extnamespace where extname = 'vector'`,
    );
    return rows[0]?.schema ?? 'public';
  });
  await inScratch(settings, scratch, async (client) => {
    const schema = pg.escapeIdentifier(where);
    await client.query(`create schema if not exists ${schema}`);
    await client.query(`create extension vector schema ${schema}`);
    // The dump makes its schema itself.
    if (settings.schema === 'public') await client.query('create schema if not exists public');
  });
}

async function inScratch<T>(
  { target, targetCa }: BackupSettings,
  scratch: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const url = new URL(target);
  url.pathname = `/${scratch}`;
  return openTarget({ target: url.href, targetCa }).withClient('bench', use);
}

async function timed(work: () => Promise<unknown>): Promise<{ seconds: number; reason: string | null }> {
  const started = performance.now();
  try {
    await work();
    return { seconds: (performance.now() - started) / 1000, reason: null };
  } catch (error) {
    // Somebody stopped it.
    if (error instanceof Interrupted) throw error;
    return { seconds: 0, reason: (error as Error).message };
  }
}

/** A name for --schema, which takes patterns: quoted, nothing in it is one. */
const pattern = (schema: string) => `"${schema.replaceAll('"', '""')}"`;

/** Folder of pg_dump and pg_restore: on the PATH, or where Debian keeps each version's. */
function findTools(): string | null {
  const versions = globSync('/usr/lib/postgresql/*/bin').sort(
    (one, other) => Number(other.split('/')[4]) - Number(one.split('/')[4]),
  );
  const folders = [...versions, ...(process.env.PATH ?? '').split(delimiter)];
  return (
    folders.find((folder) => ['pg_dump', 'pg_restore'].every((tool) => existsSync(join(folder, tool)))) ??
    null
  );
}

/** What it says on standard output. The password is in the environment, where `ps` does not show it. */
function output(
  command: string,
  args: string[],
  { target, targetCa, signal }: BackupSettings,
): Promise<string> {
  const url = new URL(target);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const mode = url.searchParams.get('sslmode');
  const loopback = /^(localhost|127\.|::1$)/.test(host);
  const plain = mode === 'disable' || (mode === null && loopback && !targetCa);
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    timeout: MOST_MINUTES * 60_000,
    env: {
      ...process.env,
      PGHOST: host,
      PGPORT: url.port || '5432',
      PGUSER: decodeURIComponent(url.username) || 'postgres',
      PGPASSWORD: decodeURIComponent(url.password),
      PGDATABASE: decodeURIComponent(url.pathname.slice(1)),
      // libpq's `require` takes anybody's certificate; this program's does not.
      PGSSLMODE: plain ? 'disable' : 'verify-full',
      ...(!plain && { PGSSLROOTCERT: targetCa ?? 'system' }),
    },
  });
  return new Promise((resolve, reject) => {
    let said = '';
    let complained = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complained = (complained + text).slice(-2000);
    });
    child.on('error', (error) => reject(signal.aborted ? signal.reason : error));
    child.on('close', (code, ended) => {
      if (code === 0) resolve(said);
      else
        reject(
          new Error(
            ended === 'SIGTERM'
              ? `It was stopped after ${MOST_MINUTES} minutes.`
              : `It failed: ${complained.trim().split('\n').at(-1) ?? `exit code ${code}`}`,
          ),
        );
    });
  });
}
