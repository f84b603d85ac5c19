import { setTimeout as sleep } from 'node:timers/promises';
// Not from 'undici': fetch, WebSocket, caches and mocks come with that, and take 90 ms of a function's start to load.
import Pool from 'undici/lib/dispatcher/pool.js';
import type { z } from 'zod';
import {
  CollectionNotFound,
  type MigrationError,
  SourceRefused,
  SourceThrottled,
  SourceUnavailable,
} from '../errors.ts';
import { type Allocate, AnswerTooLong, AnswerTooSlow, receive } from './receive.ts';

export interface ChromaSettings {
  /** `http(s)://host:port`, optionally with a path below which the API lies. */
  url: string;
  /** Sent with each request: `x-chroma-token`, `authorization`, … Their values never reach an error or a log. */
  headers?: Record<string, string>;
  /** Certificate authorities in PEM, for a server with a private one. */
  ca?: string;
  patience?: Partial<Patience>;
  /** Told how long each answer took, from the question to its last byte. */
  onAnswer?: (milliseconds: number) => void;
}

/** What a server may ask of those who ask it. */
export interface Patience {
  /** Who says nothing for so long is taken for dead. */
  silenceMilliseconds: number;
  /** What an answer may take in all. */
  answerMilliseconds: number;
  /** The longest wait before another try, whatever the server's Retry-After. */
  waitMilliseconds: number;
  /** Tries of one request before the step fails; the state machine then retries the step. */
  tries: number;
}

/**
 * One record at least must fit, and a function has 512 MB. Chroma takes requests of 40 MiB, so a record is no larger
 * in its answer than some three times that, where all of its text has to be escaped.
 */
const MAX_RESPONSE_BYTES = 128 * 1024 * 1024;
/** Listings of a thousand, counts, searches: some 16 KB of metadata for each collection listed. */
const MAX_JSON_BYTES = 16 * 1024 * 1024;
/** Deeper than any configuration. A text of brackets alone would cost many times its length in memory. */
const MAX_JSON_DEPTH = 64;
/**
 * A server that has not ended its answer after three minutes sends less than 25 KB/s of a page of 4 MB; four tries of
 * it fit into a function's 15 minutes. Who asks for a wait of more than half a minute is asked again by the state
 * machine, which waits without a function.
 */
const PATIENCE: Patience = {
  silenceMilliseconds: 60_000,
  answerMilliseconds: 180_000,
  waitMilliseconds: 30_000,
  tries: 4,
};
/** Tries where a server only asks to come later: some two minutes of waiting. */
const TRIES_WHILE_THROTTLED = 10;
const FIRST_WAIT_MILLISECONDS = 200;

/** What an answer is read to, and how long it may be. */
export interface Room {
  allocate?: Allocate;
  maxBytes?: number;
  /** Tries before a server that fails is believed; 4 by default. */
  tries?: number;
  /** Told of each answer that asks for fewer requests. */
  onThrottled?: () => void;
}

/** The server's answer is longer than it may be. */
export class AnswerTooLarge extends SourceRefused {}

/** The server is there and cannot answer this very request (500). */
export class AnswerFailed extends SourceUnavailable {}
/** The server has no such request (405), as older ones have not all. */
export class NotOffered extends SourceRefused {}

/** More was asked for at a time than the server gives: Chroma Cloud's quota of results. */
export class TooManyAsked extends SourceRefused {
  readonly limit: number;
  constructor(message: string, limit: number) {
    super(message);
    this.limit = limit;
  }
}

/** Speaks HTTP with one Chroma server over kept-alive connections, and turns its failures into named errors. */
export class ChromaHttp {
  readonly origin: string;
  readonly #path: string;
  readonly #headers: Record<string, string>;
  /** Headers' values and their parts, as `Bearer TOKEN` has two. */
  readonly #secrets: readonly string[];
  readonly #pool: Pool;
  readonly #patience: Patience;
  readonly #onAnswer: (milliseconds: number) => void;

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
    this.#patience = { ...PATIENCE, ...settings.patience };
    this.#onAnswer = settings.onAnswer ?? (() => undefined);
    const { silenceMilliseconds } = this.#patience;
    this.#pool = new Pool(url.origin, {
      connections,
      connect: { timeout: 10_000, ...(settings.ca ? { ca: settings.ca } : {}) },
      headersTimeout: silenceMilliseconds,
      bodyTimeout: silenceMilliseconds,
    });
  }

  /**
   * The answer as `schema` has it, what it does not name left away.
   * @param read makes of the bytes what the schema is held against @throws SourceUnavailable if it is something else
   */
  async json<T>(
    method: 'GET' | 'POST',
    path: string,
    schema: z.ZodType<T>,
    body?: unknown,
    read: (answer: Buffer) => unknown = parseJson,
  ): Promise<T> {
    const answer = await this.bytes(method, path, body, { maxBytes: MAX_JSON_BYTES });
    try {
      return schema.parse(read(answer));
    } catch (cause) {
      const [endpoint] = path.split('?');
      throw new SourceUnavailable(
        `Chroma at ${this.origin} answered ${endpoint} with something else than its API has there: check that --source is the address of a Chroma server, then run again.`,
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
        const throttled = error instanceof SourceThrottled;
        if (throttled) room.onThrottled?.();
        const most = this.#patience.tries;
        // Who asks for less from now on may ask for longer.
        const adapts = throttled && room.onThrottled !== undefined;
        const tries = adapts ? TRIES_WHILE_THROTTLED : Math.min(most, room.tries ?? most);
        if (!(throttled || error instanceof SourceUnavailable) || attempt >= tries) throw error;
        const asked = throttled ? error.retryAfterMilliseconds : 0;
        const backoff = FIRST_WAIT_MILLISECONDS * 2 ** (attempt - 1) * (0.5 + Math.random());
        await sleep(Math.min(this.#patience.waitMilliseconds, Math.max(asked, backoff)));
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
    const bounds = { bytes: maxBytes, milliseconds: this.#patience.answerMilliseconds };
    const asked = performance.now();
    const answer = await receive(this.#pool, request, allocate, bounds).catch((error) => {
      throw this.#unavailable(error);
    });
    this.#onAnswer(performance.now() - asked);
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
        `${where} does not speak the API v2 (${status}): check the address, and upgrade an older server: 0.5.23 speaks it.`,
      );
    if (status === 404)
      return new CollectionNotFound(`${where} has no such thing (404)${said}: check the name.`);
    if (status >= 300 && status < 400)
      return new SourceRefused(
        `${where} sends requests elsewhere (${status}), which is not followed: pass the final address as --source.`,
      );
    if (status >= 500)
      return new (status === 500 ? AnswerFailed : SourceUnavailable)(
        `${where} failed (${status})${said}: ${failureRemedy(said)}, then run again.`,
      );
    const quota = Number(/exceeds limit of (\d+)/.exec(said)?.[1] ?? 0);
    if (quota > 0)
      return new TooManyAsked(`${where} gives no more at a time${said}: ask it for a higher quota.`, quota);
    return new (status === 405 ? NotOffered : SourceRefused)(
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
    const { silenceMilliseconds, answerMilliseconds } = this.#patience;
    const timeouts: Record<string, string> = {
      UND_ERR_HEADERS_TIMEOUT: `no answer within ${silenceMilliseconds / 1000} s`,
      UND_ERR_BODY_TIMEOUT: `no further bytes within ${silenceMilliseconds / 1000} s`,
    };
    const reason =
      error instanceof AnswerTooSlow
        ? `its answer had not ended after ${answerMilliseconds / 1000} s`
        : code
          ? (timeouts[code] ?? REASONS[code] ?? code)
          : message;
    return new SourceUnavailable(
      `Chroma at ${this.origin} is not reachable (${reason}): check the address and that the server runs.`,
      { cause: error },
    );
  }
}

/** What thousands of collections on one server lead to: docs/awkward-data.md. */
function failureRemedy(said: string): string {
  if (/unable to open database file|too many open files/i.test(said))
    return "raise the server's limit of open files (ulimit -n) to more than four for each of its collections, and restart it";
  if (/Nothing found on disk/i.test(said))
    return 'raise its hnsw_index_pool_cache_config to as many collections as it has, since small ones that it puts out of its cache are lost to it, and restart it';
  return "look at the server's log";
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name could not be looked up',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within 10 s',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it speaks no TLS; its address may begin with http://',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it speaks no TLS; its address may begin with http://',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; pass its authority with --source-ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of an unknown authority; pass it with --source-ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of an unknown authority; pass it with --source-ca',
};

/** @throws SyntaxError also of what is nested too deeply */
export function parseJson(bytes: Buffer): unknown {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
      if (++depth > MAX_JSON_DEPTH) throw new SyntaxError('nested too deeply');
    } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) depth--;
  }
  return JSON.parse(bytes.toString('utf8'));
}

const [QUOTE, BACKSLASH, OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = Buffer.from('"\\[]{}');

/** What the server said, short and on one line: it is somebody else's text. */
function explanation(body: Buffer, secrets: readonly string[]): string {
  try {
    const { message, error } = parseJson(body.subarray(0, MAX_JSON_BYTES)) as {
      message?: unknown;
      error?: unknown;
    };
    let text = String(message ?? error ?? '');
    // A proxy may say which credentials it was sent.
    for (const secret of secrets) text = text.replaceAll(secret, '…');
    text = text.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim();
    return text === '' ? '' : ` (${text.slice(0, 200)})`;
  } catch {
    return '';
  }
}
