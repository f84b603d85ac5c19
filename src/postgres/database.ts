import pg from 'pg';
import session from '../../sql/session.sql';
import { TargetUnavailable } from '../errors.ts';
import { badSslMode, toMigrationError } from './errors.ts';

export interface DatabaseSettings {
  /** `postgres://user:password@host:port/database?sslmode=…` */
  url: string;
  /** Certificate authorities in PEM, where the system's do not know the server's. */
  ca?: string;
  /** Makes the password of each new connection, for one an IAM token; the URL's by default. */
  password?: () => Promise<string>;
  /** How long a connection may take; 10 s by default. */
  connectMilliseconds?: number;
}

/** Opens connections to one database. Errors that leave are MigrationErrors where a remedy is known. */
export interface Database {
  /** `host:port/database`, for sentences. */
  readonly where: string;
  /** Opens a connection, hands it to `use` and closes it. @param purpose shows in pg_stat_activity */
  withClient<T>(purpose: string, use: (client: pg.Client) => Promise<T>): Promise<T>;
  /**
   * The same, but the connection stays open a while for the next who comes: handshake and farewell take as long as a
   * twentieth of a shard's import, and a new backend has yet to learn the catalogue. `use` leaves no transaction and no
   * setting behind.
   */
  withKeptClient<T>(purpose: string, use: (client: pg.Client) => Promise<T>): Promise<T>;
  /** Opens a connection that the caller ends. */
  connect(purpose: string): Promise<pg.Client>;
  /** An error of a connection as a MigrationError, where a remedy is known. */
  explain(error: unknown): unknown;
}

const CONNECT_MILLISECONDS = 10_000;
/** How long a kept connection waits for its next use. */
const KEEP_MILLISECONDS = 15_000;
/** application_name holds 63 bytes. */
const NAME_BYTES = 63;
const { INT8, JSON: JSON_TYPE, JSONB } = pg.types.builtins;

/** int8 counts come as numbers: a count beyond 2^53 is out of reach. Digests are asked for as text. */
const typesOf = (where: string): pg.CustomTypesConfig => ({
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (oid === INT8) return Number;
    const parse = pg.types.getTypeParser(oid, format as 'text');
    return oid === JSON_TYPE || oid === JSONB
      ? (text: string) => unlessGarbled(where, () => parse(text))
      : parse;
  },
});

/** What Postgres calls JSON is JSON, unless a bit fell over on a line without TLS. */
function unlessGarbled<T>(where: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new TargetUnavailable(
      `Postgres at ${where} sent JSON that is none, so the line to it garbles: run again, and see that it uses TLS.`,
      { cause },
    );
  }
}

export function openDatabase(settings: DatabaseSettings): Database {
  const url = new URL(settings.url);
  const user = decodeURIComponent(url.username) || 'postgres';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || 5432);
  const database = decodeURIComponent(url.pathname.slice(1));
  const where = `${url.hostname}:${port}/${database}`;
  const ssl = tls(url, host, settings.ca);
  const explain = (error: unknown) => toMigrationError(error, where, user);

  async function connect(purpose: string): Promise<pg.Client> {
    const client = new pg.Client({
      ...{ host, port, user, database, ssl, types: typesOf(where) },
      password: settings.password ?? decodeURIComponent(url.password),
      application_name: applicationName(purpose),
      connectionTimeoutMillis: settings.connectMilliseconds ?? CONNECT_MILLISECONDS,
      keepAlive: true,
    });
    // A connection that breaks while idle also says so to the query that waits; without this it ends the process.
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query(session);
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw explain(error);
    }
  }

  async function withClient<T>(purpose: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = await connect(purpose);
    try {
      return await use(client);
    } catch (error) {
      throw explain(error);
    } finally {
      // An open transaction ends with its connection.
      await client.end().catch(() => undefined);
    }
  }

  let kept: KeptClient | null = null;
  const takeKept = () => {
    const known = kept;
    kept = null;
    return known;
  };

  async function withKeptClient<T>(purpose: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = (await takeKept()?.take(applicationName(purpose))) ?? (await connect(purpose));
    try {
      const result = await use(client);
      kept?.close();
      kept = new KeptClient(client);
      return result;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw explain(error);
    }
  }
  return { where, connect, withClient, withKeptClient, explain };
}

const applicationName = (purpose: string) => `chroma-to-pgvector ${purpose}`.slice(0, NAME_BYTES);

/** `pg` lets a process end while a connection is idle, and its types do not say so. */
type Unreferable = pg.Client & { ref(): void; unref(): void };

/** An idle connection. It keeps no process alive. */
class KeptClient {
  readonly #client: Unreferable;
  readonly #since = Date.now();
  readonly #timer: NodeJS.Timeout;

  constructor(client: pg.Client) {
    this.#client = client as Unreferable;
    this.#client.unref();
    this.#timer = setTimeout(() => this.close(), KEEP_MILLISECONDS).unref();
  }

  /** @returns null if it is no longer good: by the clock, since a frozen process's timers stand still, or by its answer */
  async take(name: string): Promise<pg.Client | null> {
    clearTimeout(this.#timer);
    this.#client.ref();
    if (Date.now() - this.#since < KEEP_MILLISECONDS && (await this.#answersTo(name))) return this.#client;
    this.close();
    return null;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#client.end().catch(() => undefined);
  }

  #answersTo(name: string): Promise<boolean> {
    return this.#client.query("select set_config('application_name', $1, false)", [name]).then(
      () => true,
      () => false,
    );
  }
}

/**
 * TLS as the address asks for it. Where it asks for any, the certificate is verified in full: libpq's `require`
 * and `prefer` would accept anybody's. Without a word, TLS is used except on this machine.
 */
function tls(url: URL, host: string, ca: string | undefined): pg.ClientConfig['ssl'] {
  const loopback = host === 'localhost' || host === '::1' || /^127\./.test(host);
  const mode = url.searchParams.get('sslmode') ?? (loopback && !ca ? 'disable' : 'verify-full');
  if (mode === 'disable') return false;
  if (!['prefer', 'require', 'verify-ca', 'verify-full'].includes(mode)) throw badSslMode(mode);
  // The host is what the certificate must name: without it, tls.connect over pg's own socket would compare the
  // certificate of an IP address with 'localhost'.
  return { rejectUnauthorized: true, host, ...(ca ? { ca } : {}) };
}
