import pg from 'pg';
import { CollectionNotFound } from '../errors.ts';
import type { Database } from '../postgres/database.ts';
import { pgvectorWarnings } from '../postgres/pgvector-version.ts';
import { type LiveCollection, liveCollections } from '../tune/live-collections.ts';
import { usesIndex } from '../verify/compare-searches.ts';

/** What one look found. `advice`: nothing is wrong now, but may be. `unknown`: it could not be found out. */
export interface Finding {
  check: string;
  state: 'good' | 'advice' | 'wrong' | 'unknown';
  said: string;
  /** The command or statement that mends it. */
  remedy: string | null;
}

export interface DiagnosisSettings {
  /** Connections that the application's pool may open. */
  poolSize: number | null;
  /** Bytes that are free on the disk of a server's data folder, where this machine can tell. */
  freeBytes: (dataFolder: string) => Promise<number | null>;
}

type Look = (client: pg.Client, settings: DiagnosisSettings) => Promise<Finding | Finding[]>;

const good = (check: string, said: string): Finding => ({ check, state: 'good', said, remedy: null });
const advice = (check: string, said: string, remedy: string): Finding => ({
  check,
  state: 'advice',
  said,
  remedy,
});
const wrong = (check: string, said: string, remedy: string): Finding => ({
  check,
  state: 'wrong',
  said,
  remedy,
});
const unknown = (check: string, said: string): Finding => ({ check, state: 'unknown', said, remedy: null });

/**
 * Looks at everything that a migration and an application need of a database. Changes nothing. What cannot be looked
 * at is a finding too; where there is no connection that is the only one.
 */
export async function diagnoseDatabase(database: Database, settings: DiagnosisSettings): Promise<Finding[]> {
  let client: pg.Client;
  try {
    client = await database.connect('test');
  } catch (error) {
    const said = (error as Error).message;
    // Each message of a connection ends with what can be done.
    const advised = said.slice(said.lastIndexOf(': ') + 2).replace(/\.$/, '');
    const isDown = /connection refused/.test(said);
    const remedy = isDown
      ? `sudo systemctl start postgresql, or docker start its container; and ${advised}`
      : advised;
    return [wrong('connection', said.slice(0, said.lastIndexOf(': ')), remedy)];
  }
  try {
    const findings: Finding[] = [];
    for (const [check, look] of Object.entries(LOOKS))
      findings.push(
        ...(await look(client, settings).then(
          (found) => [found].flat(),
          (error: Error) => [unknown(check, `it could not be looked at (${error.message})`)],
        )),
      );
    findings.push(...(await indexesOf(client, database.where)));
    return findings;
  } finally {
    await client.end().catch(() => undefined);
  }
}

const LOOKS: Record<string, Look> = { connection, tls, extension, privileges, pool, space, statistics };

async function connection(client: pg.Client): Promise<Finding> {
  const { rows } = await client.query<{
    version: string;
    number: number;
    encoding: string;
    readonly: boolean;
  }>(
    `select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
            getdatabaseencoding() as encoding, pg_is_in_recovery() as readonly`,
  );
  const { version, number, encoding, readonly } = rows[0]!;
  if (readonly)
    return wrong(
      'connection',
      `PostgreSQL ${version} is a replica, which takes no writes`,
      'use the address of the primary server',
    );
  if (encoding !== 'UTF8')
    return wrong(
      'connection',
      `the database is encoded in ${encoding}, which does not hold every text`,
      "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0;",
    );
  if (number < 140_000)
    return wrong('connection', `PostgreSQL ${version} is older than 14`, 'upgrade the server to 14 or newer');
  return good('connection', `PostgreSQL ${version} answers`);
}

async function tls(client: pg.Client): Promise<Finding> {
  const { rows } = await client.query<{ ssl: boolean; version: string; local: boolean }>(
    `select ssl, version, coalesce(inet_client_addr() << '127.0.0.0/8' or inet_client_addr() = '::1', true) as local
       from pg_stat_ssl where pid = pg_backend_pid()`,
  );
  const [found] = rows;
  if (!found) return unknown('tls', 'the server does not say whether the connection is encrypted');
  if (found.ssl)
    return good(
      'tls',
      `the connection is encrypted (${found.version}) and the server's certificate verified`,
    );
  if (found.local) return good('tls', 'the connection is not encrypted and does not leave this machine');
  return wrong(
    'tls',
    'the connection is not encrypted',
    'sslmode: verify-full in the configuration, or ?sslmode=verify-full in --target',
  );
}

async function extension(client: pg.Client): Promise<Finding> {
  const { rows } = await client.query<{ installed: string | null; available: string | null; major: string }>(
    `select (select extversion from pg_extension where extname = 'vector') as installed,
            (select default_version from pg_available_extensions where name = 'vector') as available,
            split_part(current_setting('server_version'), '.', 1) as major`,
  );
  const { installed, available, major } = rows[0]!;
  if (installed === null && available === null)
    return wrong(
      'extension',
      'pgvector is not installed on the server',
      `apt install postgresql-${major}-pgvector, then CREATE EXTENSION vector;`,
    );
  if (installed === null)
    return wrong('extension', 'pgvector is there, but not in this database', 'CREATE EXTENSION vector;');
  if (available !== null && available !== installed)
    return advice(
      'extension',
      `pgvector ${installed} is in use and ${available} is installed`,
      'ALTER EXTENSION vector UPDATE;',
    );
  const [warning] = pgvectorWarnings(installed);
  if (warning)
    return advice(
      'extension',
      warning.split(': ')[0] as string,
      `apt install --only-upgrade postgresql-${major}-pgvector, then ALTER EXTENSION vector UPDATE;`,
    );
  return good('extension', `pgvector ${installed}`);
}

async function privileges(client: pg.Client): Promise<Finding[]> {
  const { rows } = await client.query<{
    user: string;
    database: string;
    create: boolean;
    temp: boolean;
    foreign: string[] | null;
  }>(
    `select current_user as user, current_database() as database,
            has_database_privilege(current_database(), 'CREATE') as create,
            has_database_privilege(current_database(), 'TEMP') as temp,
            (select array_agg(nspname::text) from pg_namespace
              where nspname = 'chroma_migration' and not has_schema_privilege(oid, 'USAGE, CREATE')) as foreign`,
  );
  const { user, database, create, temp, foreign } = rows[0]!;
  const grant = (what: string) =>
    `GRANT ${what} ON DATABASE ${pg.escapeIdentifier(database)} TO ${pg.escapeIdentifier(user)};`;
  const found: Finding[] = [];
  if (!create) found.push(wrong('privileges', `user "${user}" may create no schema`, grant('CREATE')));
  if (!temp)
    found.push(wrong('privileges', `user "${user}" may make no temporary tables`, grant('TEMPORARY')));
  for (const schema of foreign ?? [])
    found.push(
      wrong(
        'privileges',
        `user "${user}" may not use schema "${schema}"`,
        `GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${pg.escapeIdentifier(user)};`,
      ),
    );
  return found.length > 0
    ? found
    : [good('privileges', `user "${user}" may create schemas and temporary tables`)];
}

async function pool(client: pg.Client, { poolSize }: DiagnosisSettings): Promise<Finding> {
  const { rows } = await client.query<{ most: number; reserved: number; used: number }>(
    `select current_setting('max_connections')::int as most,
            current_setting('superuser_reserved_connections')::int as reserved,
            (select count(*)::int from pg_stat_activity where backend_type = 'client backend'
                and pid <> pg_backend_pid()) as used`,
  );
  const { most, reserved, used } = rows[0]!;
  const free = most - reserved - used;
  const said = `${used} of ${most} connections are in use, ${reserved} reserved`;
  const wanted = poolSize ?? 1;
  if (free >= wanted) return good('pool', poolSize === null ? said : `${said}: the pool's ${poolSize} fit`);
  const enough = Math.ceil((used + reserved + wanted) / 10) * 10 + 10;
  return wrong(
    'pool',
    `${said}: ${poolSize === null ? 'there is hardly one left' : `a pool of ${poolSize} does not fit`}`,
    `ALTER SYSTEM SET max_connections = ${enough}; and a restart, or a smaller pool.max_size`,
  );
}

async function space(client: pg.Client, { freeBytes }: DiagnosisSettings): Promise<Finding> {
  const { rows } = await client.query<{ bytes: number }>(
    'select pg_database_size(current_database()) as bytes',
  );
  const bytes = Number(rows[0]!.bytes);
  // Only some may know where the server keeps its data.
  const folder = await client
    .query<{ folder: string }>(`select current_setting('data_directory') as folder`)
    .then(({ rows: [row] }) => row?.folder ?? null)
    .catch(() => null);
  const free = folder === null ? null : await freeBytes(folder);
  if (free === null)
    return unknown(
      'space',
      `the database holds ${megabytes(bytes)}; how much is free only the server's machine can say (df -h)`,
    );
  const said = `the database holds ${megabytes(bytes)}, ${megabytes(free)} are free`;
  // A new version of everything stands beside the old one until it is published.
  return free > 2 * bytes
    ? good('space', said)
    : advice(
        'space',
        `${said}: a migration that replaces all of it needs twice as much`,
        'enlarge the disk of the data folder',
      );
}

async function statistics(client: pg.Client): Promise<Finding> {
  const { rows } = await client.query<{ preloaded: boolean; available: boolean; installed: boolean }>(
    `select coalesce(current_setting('shared_preload_libraries', true), '') like '%pg_stat_statements%' as preloaded,
            exists (select from pg_available_extensions where name = 'pg_stat_statements') as available,
            exists (select from pg_extension where extname = 'pg_stat_statements') as installed`,
  );
  const { preloaded, available, installed } = rows[0]!;
  if (installed && preloaded) return good('statistics', 'pg_stat_statements counts what the server is asked');
  if (!available)
    return advice('statistics', 'pg_stat_statements is not installed', 'apt install postgresql-contrib');
  const preload = "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'; and a restart, then ";
  return advice(
    'statistics',
    'pg_stat_statements is not on: nobody can see which queries are slow',
    `${preloaded ? '' : preload}CREATE EXTENSION pg_stat_statements;`,
  );
}

/** The guide's "performance degradation": whether the searches of each collection use its index. */
async function indexesOf(client: pg.Client, where: string): Promise<Finding[]> {
  try {
    const live = await liveCollections(client, where);
    const findings: Finding[] = [];
    for (const collection of live) findings.push(await indexOf(client, collection));
    return findings;
  } catch (error) {
    if (error instanceof CollectionNotFound)
      return [unknown('index', 'nothing was migrated to this database yet')];
    return [unknown('index', `it could not be looked at (${(error as Error).message})`)];
  }
}

async function indexOf(client: pg.Client, live: LiveCollection): Promise<Finding> {
  const { schema, vectorIndex, records, layout } = live;
  const quoted = pg.escapeIdentifier(schema);
  if (vectorIndex === null)
    return records === 0 || live.dimension === null
      ? good('index', `"${schema}" holds nothing to search`)
      : wrong(
          'index',
          `"${schema}" has no index on its embeddings: searches read the whole table`,
          `migrate the collection again, or create index on ${quoted}.embeddings using hnsw (embedding vector_${live.space}_ops);`,
        );
  if (layout !== 'guide') return good('index', `"${schema}" has ${vectorIndex}`);
  const { rows } = await client.query<{ embedding: string }>(
    `select embedding::text from ${quoted}.embeddings limit 1`,
  );
  if (!rows[0]) return good('index', `"${schema}" holds nothing to search`);
  const used = await usesIndex(client, schema, JSON.parse(rows[0].embedding) as number[], vectorIndex);
  if (used) return good('index', `searches of "${schema}" use ${vectorIndex}`);
  if (used === null)
    return good(
      'index',
      `"${schema}" has ${vectorIndex}; reading its ${records} records at once is faster still`,
    );
  return wrong(
    'index',
    `searches of "${schema}" do not use ${vectorIndex}`,
    `reindex index concurrently ${quoted}.${pg.escapeIdentifier(vectorIndex)}; then analyze ${quoted}.embeddings;`,
  );
}

const megabytes = (bytes: number) => `${Math.round(bytes / 1e6).toLocaleString('en')} MB`;
