import type { Socket } from 'node:net';
import { BackendLost } from './backend.ts';
import { receiveCopy, withoutCopyInResponse } from './copy-in.ts';
import { greet, type House } from './greeting.ts';
import { MessageReader } from './message-reader.ts';
import {
  COPY_IN_RESPONSE,
  closeStatement,
  cstring,
  errorResponse,
  Fatal,
  joined,
  type Message,
  message,
  ProtocolViolation,
  query,
  SYNC,
  text,
} from './protocol.ts';
import type { Settings } from './settings.ts';
import type { Client, SharedSession } from './shared-session.ts';
import { bareStatements, changesSettings, isCopyIn, takesAdvisoryLocks } from './sql-words.ts';
import { StatementNames } from './statement-names.ts';

/** PostgreSQL's own limit of a message. */
const MAX_MESSAGE_BYTES = 2 ** 30;

/** Statements without any of these words are not looked into. */
const NOTEWORTHY = /\b(copy|set|reset|discard)\b|set_config|advisory_lock/i;

/** Serves one client from its greeting to its end. */
export class Connection implements Client {
  settings: Settings = new Map();
  settingsTouched = false;
  readonly #socket: Socket;
  readonly #session: SharedSession;
  readonly #reader: MessageReader;
  readonly #names: StatementNames;
  readonly #number: number;
  /** Messages since the last Sync or Flush. */
  #batch: Message[] = [];
  #batchBytes = 0;
  /** In a transaction, or between a Flush and its Sync: the session is this connection's. */
  #isHolding = false;
  #isFailed = false;
  #tookLocks = false;

  constructor(number: number, socket: Socket, session: SharedSession) {
    this.#number = number;
    this.#socket = socket;
    this.#session = session;
    this.#names = new StatementNames(number);
    this.#reader = new MessageReader(socket);
  }

  get lastHeard(): number {
    return this.#reader.lastHeard;
  }

  /** @throws BackendLost if Postgres itself has failed; whatever a client does is no exception */
  async serve(house: House): Promise<void> {
    let settings: Settings | null = null;
    try {
      settings = await greet(this.#number, this.#reader, this.#socket, house);
      if (!settings) return;
      this.settings = settings;
      this.#session.join();
      await this.#serveMessages();
    } catch (error) {
      if (error instanceof BackendLost) throw error;
      if (error instanceof Fatal) this.end(error);
    } finally {
      if (settings) await this.#leave();
      this.#socket.destroySoon();
    }
  }

  end({ code, message: said }: Fatal): void {
    this.#send(errorResponse({ code, message: said }, 'FATAL'));
    this.#socket.destroySoon();
  }

  async #serveMessages(): Promise<void> {
    this.#reader.maxBytes = MAX_MESSAGE_BYTES;
    for (;;) {
      const next = await this.#reader.next();
      if (!next || next.type === 'X') return;
      // What is left of a COPY that has failed.
      if ('dcf'.includes(next.type)) continue;
      if (!'QFPBDECHS'.includes(next.type)) throw new ProtocolViolation(`a message '${next.type}'`);
      await this.#receive(next);
    }
  }

  async #receive(next: Message): Promise<void> {
    const sql = sqlOf(next);
    const statements = sql !== null && NOTEWORTHY.test(sql) ? bareStatements(sql) : [];
    this.settingsTouched ||= changesSettings(statements);
    this.#tookLocks ||= takesAdvisoryLocks(statements);
    const isCopy = !this.#isFailed && statements.some(isCopyIn);
    if (isCopy && next.type === 'Q' && statements.length === 1 && this.#batch.length === 0)
      return this.#copyIn(next);
    this.#batch.push(isCopy ? refusedCopy(next) : next);
    this.#batchBytes += next.body.length;
    if (this.#batchBytes > MAX_MESSAGE_BYTES) throw new ProtocolViolation('a batch of more than 1 GiB');
    if ('QFHS'.includes(next.type)) await this.#execute();
  }

  /**
   * PGlite takes a COPY only together with its data, so the client is told to send before Postgres has been
   * asked; what Postgres has to say against it comes after the data.
   */
  async #copyIn(copy: Message): Promise<void> {
    this.#socket.write(COPY_IN_RESPONSE);
    const data = await receiveCopy(this.#reader);
    if (!data) return;
    await this.#session.acquire(this);
    const messages = joined([message(copy.type, copy.body), ...data]);
    await this.#run(messages, true, withoutCopyInResponse(this.#send));
  }

  async #execute(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    await this.#session.acquire(this);
    const renamed = batch.map((one) => {
      if (isUnnamedParse(one)) this.#session.unnamedStatementOf = this;
      return this.#names.rename(one, this.#session.unnamedStatementOf === this);
    });
    await this.#run(joined(renamed), batch.at(-1)?.type !== 'H', this.#send);
  }

  async #run(
    messages: Uint8Array<ArrayBuffer>,
    isWhole: boolean,
    onData: (bytes: Buffer) => void,
  ): Promise<void> {
    const status = await this.#session.execute(messages, isWhole, onData);
    this.#isHolding = status !== 'I';
    this.#isFailed = status === 'E';
    if (!this.#isHolding) this.#session.release(this);
    if (this.#socket.writableNeedDrain) await drained(this.#socket);
  }

  readonly #send = (bytes: Buffer): void => {
    if (this.#socket.writable) this.#socket.write(bytes);
  };

  /** Rolls back what was begun and takes away what would outlast the connection on a server of many sessions. */
  async #leave(): Promise<void> {
    const messages: Buffer[] = [];
    if (this.#isHolding) messages.push(SYNC, query('rollback'));
    const statements = this.#names.standing;
    if (statements.length > 0) messages.push(...statements.map(closeStatement), SYNC);
    if (this.#tookLocks) messages.push(query('select pg_advisory_unlock_all()'));
    // Temporary tables and what else is common to all connections.
    if (this.#session.leave() === 0) messages.push(query('discard all'));
    try {
      if (messages.length === 0) return;
      await this.#session.acquire(this);
      await this.#session.runSilently(joined(messages));
    } finally {
      this.#session.release(this);
    }
  }
}

/** The text of a Query or of a Parse. */
function sqlOf({ type, body }: Message): string | null {
  if (type === 'Q') return cstring(body).value;
  return type === 'P' ? cstring(body, cstring(body).end).value : null;
}

const isUnnamedParse = ({ type, body }: Message): boolean => type === 'P' && body[0] === 0;

/** The same message with a statement in the COPY's place that says that it cannot be. */
function refusedCopy({ type, body }: Message): Message {
  const refusal = text(
    `do $$ begin raise exception using errcode = 'feature_not_supported', message = 'The embedded Postgres takes COPY … FROM STDIN only as a simple query of its own.'; end $$`,
  );
  if (type === 'Q') return { type, body: refusal };
  const name = body.subarray(0, cstring(body).end);
  return { type, body: Buffer.concat([name, refusal, Buffer.alloc(2)]) };
}

const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
    if (socket.destroyed) done();
  });
