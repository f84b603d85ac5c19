import { type Backend, BackendLost } from './backend.ts';
import {
  errorIn,
  Fatal,
  joined,
  query,
  READY_FOR_QUERY_BYTES,
  rowsIn,
  type ServerError,
  type TransactionStatus,
} from './protocol.ts';
import { changeSettings, changesOf, READ_SETTINGS, type Settings } from './settings.ts';

/**
 * A client that holds the session in a transaction, says nothing for this long, and lets others wait, is sent
 * away: Postgres would let them work side by side, and here two connections of one program could wait for each
 * other for ever.
 */
const IDLE_IN_TRANSACTION_MILLISECONDS = 60_000;

/** One connection, as the session knows it. */
export interface Client {
  /** What this client has set for itself; it is in force while the client has the session. */
  settings: Settings;
  /** It may have set more since. */
  settingsTouched: boolean;
  /** When the client was last heard, by performance.now(). */
  readonly lastHeard: number;
  end(reason: Fatal): void;
}

interface Waiting {
  client: Client;
  resolve: () => void;
}

/**
 * The one session of Postgres, lent to one client at a time: for a batch up to Sync, or from `begin` to the end
 * of the transaction. Whoever comes meanwhile waits in line.
 */
export class SharedSession {
  readonly #backend: Backend;
  readonly #waiting: Waiting[] = [];
  #clients = 0;
  #owner: Client | null = null;
  #working = false;
  #workedUntil = 0;
  /** Whose settings are in force. */
  #last: Client | null = null;
  #patience: NodeJS.Timeout | null = null;
  /** Client that parsed the unnamed statement which the session holds. */
  unnamedStatementOf: Client | null = null;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  join(): void {
    this.#clients++;
  }

  /** @returns how many clients are left */
  leave(): number {
    return --this.#clients;
  }

  /**
   * Waits until the client has the session. At once if it has it already.
   *
   * @throws Fatal if a setting that the client asked for cannot be made
   */
  async acquire(client: Client): Promise<void> {
    if (this.#owner === client) return;
    if (this.#owner === null) this.#owner = client;
    else
      await new Promise<void>((resolve) => {
        this.#waiting.push({ client, resolve });
        this.#patience ??= setInterval(() => this.#sendIdleOwnerAway(), 1000);
      });
    if (this.#last !== client) await this.#exchangeSettings(client);
  }

  /**
   * Hands messages of the owner to Postgres.
   *
   * @param onData is given the answer piece by piece
   * @param isWhole whether they end with what Postgres answers with ReadyForQuery
   * @returns the transaction's status after it; null if it is not ready
   */
  async execute(
    messages: Uint8Array<ArrayBuffer>,
    isWhole: boolean,
    onData: (bytes: Buffer) => void,
  ): Promise<TransactionStatus | null> {
    let tail: Buffer = Buffer.alloc(0);
    this.#working = true;
    try {
      await this.#backend.execute(messages, (bytes) => {
        tail = tailOf(tail, bytes);
        onData(bytes);
      });
    } finally {
      this.#working = false;
      this.#workedUntil = performance.now();
    }
    if (!isWhole) return null;
    // 'Z', length 5
    if (tail.length === READY_FOR_QUERY_BYTES && tail.readUInt32BE(0) === 0x5a000000 && tail[4] === 5)
      return String.fromCharCode(tail[5]!) as TransactionStatus;
    throw new BackendLost('Postgres did not answer to the end');
  }

  /** Lets the next one have the session. */
  release(client: Client): void {
    if (this.#owner !== client) return;
    const next = this.#waiting.shift();
    this.#owner = next?.client ?? null;
    next?.resolve();
    if (this.#waiting.length === 0 && this.#patience) {
      clearInterval(this.#patience);
      this.#patience = null;
    }
  }

  /** Runs a statement for the server itself, on behalf of the owner. */
  async run(sql: string): Promise<{ rows: (string | null)[][]; error: ServerError | null }> {
    const answer = await this.#answerTo(joined([query(sql)]));
    return { rows: rowsIn(answer), error: errorIn(answer) };
  }

  /** Hands over messages up to a Query or Sync whose answer nobody reads. */
  async runSilently(messages: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#answerTo(messages);
  }

  async #answerTo(messages: Uint8Array<ArrayBuffer>): Promise<Buffer> {
    const pieces: Buffer[] = [];
    await this.execute(messages, true, (bytes) => pieces.push(bytes));
    return Buffer.concat(pieces);
  }

  async #exchangeSettings(client: Client): Promise<void> {
    const last = this.#last;
    this.#last = client;
    if (last?.settingsTouched) {
      last.settings = changesOf((await this.run(READ_SETTINGS)).rows);
      last.settingsTouched = false;
    }
    const sql = changeSettings(last?.settings, client.settings);
    const error = sql && (await this.run(sql)).error;
    if (error) throw new Fatal(error.code, error.message);
  }

  #sendIdleOwnerAway(): void {
    const owner = this.#owner;
    if (!owner || this.#working) return;
    const idleSince = Math.max(owner.lastHeard, this.#workedUntil);
    if (performance.now() - idleSince < IDLE_IN_TRANSACTION_MILLISECONDS) return;
    owner.end(
      new Fatal(
        '25P03',
        `The transaction was idle for ${IDLE_IN_TRANSACTION_MILLISECONDS / 1000} s while others waited: the embedded Postgres has one session only; use a Postgres server of your own for work side by side.`,
      ),
    );
  }
}

/** The last bytes of both, as many as ReadyForQuery has. */
function tailOf(before: Buffer, bytes: Buffer): Buffer {
  if (bytes.length >= READY_FOR_QUERY_BYTES) return Buffer.from(bytes.subarray(-READY_FOR_QUERY_BYTES));
  return Buffer.concat([before, bytes]).subarray(-READY_FOR_QUERY_BYTES);
}
