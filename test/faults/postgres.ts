/** The native server of DATABASE_URL, which the harness may restart, fill and exhaust as it likes. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { chown, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

const ROLE = 'migrator';
const PASSWORD = 'of-no-consequence';
const DATABASE = 'faults';
/** So few that all of them are soon taken. */
const MOST_CONNECTIONS = 40;
/** The disk of the migrated tables: three versions of some 3 MB each, and Postgres' own 8 MB. */
const DISK_MIB = 96;

const run = promisify(execFile);
const asRoot = process.getuid?.() === 0;

export class FaultyPostgres {
  readonly port: number;
  /** As a superuser, past all proxies. */
  readonly url: string;
  readonly #dataFolder: string;
  readonly #binaries: string;
  /** Folder of a small disk of its own; null where none could be made. */
  readonly disk: string | null;

  private constructor(url: string, dataFolder: string, binaries: string, disk: string | null) {
    this.url = url;
    this.port = Number(new URL(url).port);
    this.#dataFolder = dataFolder;
    this.#binaries = binaries;
    this.disk = disk;
  }

  static async prepare(server: string): Promise<FaultyPostgres> {
    const client = new pg.Client(server);
    await client.connect();
    const { rows } = await client.query<{ folder: string }>(
      `select current_setting('data_directory') as folder`,
    );
    const [binary] = (
      await client.query<{ setting: string }>('select setting from pg_config where name = $1', ['BINDIR'])
    ).rows;
    const disk = await mountDisk();
    await client.query(`create role ${ROLE} login password '${PASSWORD}'`);
    await client.query(`create role hog login password '${PASSWORD}'`);
    await client.query(`alter system set max_connections = ${MOST_CONNECTIONS}`);
    if (disk) await client.query(`create tablespace small location '${disk}'`);
    await client.query(`create database ${DATABASE} owner ${ROLE} ${disk ? 'tablespace small' : ''}`);
    await client.end();
    const url = new URL(server);
    url.pathname = `/${DATABASE}`;
    const postgres = new FaultyPostgres(url.href, rows[0]!.folder, binary!.setting, disk);
    await postgres.restart();
    await postgres.query('create extension vector');
    return postgres;
  }

  /** The address that the migration is given, through a proxy. */
  migratorUrl(port: number): string {
    return `postgres://${ROLE}:${PASSWORD}@127.0.0.1:${port}/${DATABASE}`;
  }

  async query(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return this.withClient(async (client) => (await client.query(sql, values)).rows);
  }

  /** A connection that outlives an error of the server. Waits while the server starts. */
  async withClient<T>(use: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = await this.connect();
    try {
      return await use(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async connect(url = this.url): Promise<pg.Client> {
    for (let tries = 0; ; tries++) {
      // Whatever the database is set to meanwhile.
      const options = '-c default_transaction_read_only=off';
      const client = new pg.Client({ connectionString: url, application_name: 'harness', options });
      client.on('error', () => undefined);
      try {
        await client.connect();
        return client;
      } catch (error) {
        await client.end().catch(() => undefined);
        if (tries === 600) throw error;
        await sleep(100);
      }
    }
  }

  /** Ends all of the server's processes at once, as if the power went, and starts it again. */
  async restart(): Promise<void> {
    const words = [
      'restart',
      '-D',
      this.#dataFolder,
      '-m',
      'immediate',
      '-w',
      '-s',
      '-l',
      `${this.#dataFolder}/../server.log`,
    ];
    const command = [join(this.#binaries, 'pg_ctl'), ...words];
    const [program, ...args] = asRoot ? ['runuser', '-u', 'postgres', '--', ...command] : command;
    const child = spawn(program as string, args, { stdio: 'ignore' });
    await once(child, 'close');
  }

  /** Takes back whatever a fault has set and could not set back. */
  async heal(): Promise<void> {
    if (this.disk) await rm(join(this.disk, 'filler'), { force: true });
    await this.query('alter role migrator reset all');
    await this.query(`alter database ${DATABASE} reset default_transaction_read_only`);
  }

  /** Takes all connections that the migration's role may have. @returns what gives them back */
  async takeConnections(): Promise<() => Promise<void>> {
    const url = new URL(this.url);
    Object.assign(url, { username: 'hog', password: PASSWORD });
    const taken: pg.Client[] = [];
    for (;;) {
      const client = new pg.Client(url.href);
      client.on('error', () => undefined);
      try {
        await client.connect();
        taken.push(client);
      } catch {
        await client.end().catch(() => undefined);
        break;
      }
    }
    return async () => {
      await Promise.all(taken.map((client) => client.end().catch(() => undefined)));
    };
  }

  /** Leaves nothing of the small disk. @returns what makes room again */
  async fillDisk(): Promise<() => Promise<void>> {
    const file = join(this.disk as string, 'filler');
    const { bavail, bsize } = await statfs(this.disk as string);
    await writeFile(file, Buffer.alloc(Math.max(0, bavail * bsize)));
    return () => rm(file, { force: true });
  }
}

/** A tmpfs, which only root may mount. */
async function mountDisk(): Promise<string | null> {
  if (!asRoot) return null;
  const folder = await mkdtemp(join(tmpdir(), 'faults-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m,mode=0700`, 'tmpfs', folder]);
  } catch {
    await rm(folder, { recursive: true });
    return null;
  }
  // However this process ends. Lazily: the server still has its files open.
  process.once('exit', () => {
    spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  const { stdout } = await run('id', ['-u', 'postgres']);
  await chown(folder, Number(stdout), 0);
  return folder;
}
