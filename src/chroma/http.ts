import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import {
  CollectionNotFound,
  type MigrationError,
  SourceRefused,
  SourceThrottled,
  SourceUnavailable,
} from '../errors.ts';
import { type Allocate, AnswerTooLong, receive } from './receive.ts';

export interface ChromaSettings {
  /** `http(s)://host:port`, optionally with a path below which the API lies. */
  url: string;
  /** Sent with each request: `x-chroma-token`, `authorization`, … Their values never reach an error or a log. */
  headers?: Record<string, string>;
  /** Certificate authorities in PEM, for a server with a private one. */
  ca?: string;
}

/** A page of 1,000 records of 16,000 dimensions is about 180 MB of JSON; more than this is no honest answer. */
const MAX_RESPONSE_BYTES = 512 * 1024 * 1024;
/** A server that says nothing for so long is taken for dead. */
const SILENCE_MILLISECONDS = 60_000;
/** Tries of one request before the step fails; the state machine then retries the step. */
const TRIES = 4;
const FIRST_WAIT_MILLISECONDS = 200;

/** What an answer is read to, and how long it may be. */
export interface Room {
  allocate?: Allocate;
  maxBytes?: number;
}

/** The server's answer is longer than it may be. */
export class AnswerTooLarge extends SourceRefused {}

/** Speaks HTTP with one Chroma server over kept-alive connections, and turns its failures into named errors. */
export class ChromaHttp {
  readonly origin: string;
  readonly #path: string;
  readonly #headers: Record<string, string>;
  /** Headers' values and their parts, as `Bearer TOKEN` has two. */
  readonly #secrets: readonly string[];
  readonly #pool: Pool;

  constructor(settings: ChromaSettings, connections = 16) {
    const url = new URL(settings.url);
    this.origin = url.origin;
    this.#path = url.pathname.replace(/\/+$/, '');
    this.#headers = { accept: 'application/json', ...settings.headers };
    const user = decodeURIComponent(url.username);
    const password = decodeURIComponent(url.password);
    if (user !== '')
      this.#headers.authorization ??= `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const { accept: _, ...own } = this.#headers;
    this.#secrets = [...Object.values(own).flatMap((value) => [value, ...value.split(' ')]), password].filter(
      (secret) => secret.length > 3,
    );
    this.#pool = new Pool(url.origin, {
      connections,
      connect: { timeout: 10_000, ...(settings.ca ? { ca: settings.ca } : {}) },
      headersTimeout: SILENCE_MILLISECONDS,
      bodyTimeout: SILENCE_MILLISECONDS,
    });
  }

  async json<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    const answer = await this.bytes(method, path, body);
    try {
      return JSON.parse(answer.toString('utf8')) as T;
    } catch (cause) {
      throw new SourceUnavailable(
        `Chroma at ${this.origin} answered ${path} with something that is no JSON: check that --source is the address of a Chroma server.`,
        { cause },
      );
    }
  }

  /** The body of the answer. Tries again what may pass by itself. @throws AnswerTooLarge */
  async bytes(method: 'GET' | 'POST', path: string, body?: unknown, room: Room = {}): Promise<Buffer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(method, path, text, room);
      } catch (error) {
        const passing = error instanceof SourceUnavailable || error instanceof SourceThrottled;
        if (!passing || attempt === TRIES) throw error;
        const asked = error instanceof SourceThrottled ? error.retryAfterMilliseconds : 0;
        await sleep(Math.max(asked, FIRST_WAIT_MILLISECONDS * 2 ** (attempt - 1) * (0.5 + Math.random())));
      }
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #once(
    method: 'GET' | 'POST',
    path: string,
    body: string | undefined,
    { allocate = Buffer.allocUnsafeSlow, maxBytes = MAX_RESPONSE_BYTES }: Room,
  ): Promise<Buffer> {
    const headers =
      body === undefined ? this.#headers : { ...this.#headers, 'content-type': 'application/json' };
    const request = { method, path: `${this.#path}${path}`, headers, body };
    const answer = await receive(this.#pool, request, allocate, maxBytes).catch((error) => {
      throw this.#unavailable(error);
    });
    if (answer.status === 200) return answer.body;
    throw this.#refusal(answer.status, path, answer.body, answer.headers['retry-after']);
  }

  #refusal(status: number, path: string, body: Buffer, retryAfter: unknown): MigrationError {
    const said = explanation(body, this.#secrets);
    const where = `Chroma at ${this.origin}`;
    if (status === 429)
      return new SourceThrottled(
        `${where} asked for fewer requests (429): lower --concurrency, or wait and run again.`,
        { retryAfterMilliseconds: Number(retryAfter) * 1000 || 0 },
      );
    if (status === 401 || status === 403)
      return new SourceRefused(
        `${where} refused the credentials (${status}): pass the token or user that it expects, for one with --source-header.`,
      );
    if (status === 410 || (status === 404 && path.endsWith('/version')))
      return new SourceRefused(
        `${where} does not speak the API v2 (${status}): check the address, and upgrade servers older than 0.6.`,
      );
    if (status === 404)
      return new CollectionNotFound(`${where} has no such thing (404)${said}: check the name.`);
    if (status >= 300 && status < 400)
      return new SourceRefused(
        `${where} sends requests elsewhere (${status}), which is not followed: pass the final address as --source.`,
      );
    if (status >= 500)
      return new SourceUnavailable(
        `${where} failed (${status})${said}: look at the server's log, then run again.`,
      );
    return new SourceRefused(
      `${where} refused ${path} (${status})${said}: check that its version is supported.`,
    );
  }

  #unavailable(error: unknown): MigrationError {
    const { code, message } = error as NodeJS.ErrnoException;
    if (error instanceof AnswerTooLong)
      return new AnswerTooLarge(
        `Chroma at ${this.origin} sent an answer of more than ${error.maxBytes} bytes: check that it is a Chroma server.`,
        { cause: error },
      );
    const reason = code ? (REASONS[code] ?? code) : message;
    return new SourceUnavailable(
      `Chroma at ${this.origin} is not reachable (${reason}): check the address and that the server runs.`,
      { cause: error },
    );
  }
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name could not be looked up',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within 10 s',
  UND_ERR_HEADERS_TIMEOUT: 'no answer within 60 s',
  UND_ERR_BODY_TIMEOUT: 'no further bytes within 60 s',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it speaks no TLS; its address may begin with http://',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it speaks no TLS; its address may begin with http://',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; pass its authority with --source-ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of an unknown authority; pass it with --source-ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of an unknown authority; pass it with --source-ca',
};

/** What the server said, short and on one line: it is somebody else's text. */
function explanation(body: Buffer, secrets: readonly string[]): string {
  try {
    const { message, error } = JSON.parse(body.toString('utf8')) as { message?: unknown; error?: unknown };
    let text = String(message ?? error ?? '');
    // A proxy may say which credentials it was sent.
    for (const secret of secrets) text = text.replaceAll(secret, '…');
    text = text.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim();
    return text === '' ? '' : ` (${text.slice(0, 200)})`;
  } catch {
    return '';
  }
}
