import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Progress } from '../progress/progress.ts';
import { type Fragments, fragments, type Sample } from './fragments.ts';
import { page } from './page.ts';
import type { RunView } from './run-view.ts';

/** The page is told what changed so often, and the rate is taken so often. Milliseconds. */
const TELL = 250;
const SAMPLE = 1000;
/** Points of the curve; a longer run has them further apart. */
const MOST_SAMPLES = 400;

export interface Ui {
  /** With the token that lets its reader in. */
  url: string;
  /** Tells every page how it ended, and is gone. */
  close(): Promise<void>;
}

/**
 * A page about a run, on this machine alone, as long as the run goes on. Whoever has not got the token is refused,
 * and so is who comes by another name than this address: a page of the web that had its name resolve to 127.0.0.1
 * (DNS rebinding) would.
 */
export async function startUi(view: RunView, progress: Progress): Promise<Ui> {
  const token = randomBytes(24).toString('base64url');
  const telling = new Telling(view, progress);
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    const refused = refusal(request, token, port);
    if (refused) return answer(response, refused, 'text/plain', 'No.\n');
    const path = request.url!.slice(token.length + 1);
    if (path === '/events') return telling.join(response);
    if (path !== '/') return answer(response, 404, 'text/plain', 'No.\n');
    const nonce = randomBytes(16).toString('base64');
    answer(
      response,
      200,
      'text/html; charset=utf-8',
      page(view.run, telling.parts(), nonce, `/${token}/events`),
      {
        'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; script-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      },
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // The run ends when it ends, whether somebody looks or not.
  server.unref();
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/${token}/`,
    close: () => closed(server, telling),
  };
}

/** @returns the status to refuse the request with; null for a welcome one */
function refusal({ method, headers, url = '' }: IncomingMessage, token: string, port: number): number | null {
  if (headers.host !== `127.0.0.1:${port}` && headers.host !== `localhost:${port}`) return 403;
  const given = Buffer.from(url.slice(1, token.length + 1));
  if (given.length !== token.length || !timingSafeEqual(given, Buffer.from(token))) return 404;
  return method === 'GET' ? null : 405;
}

function answer(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    ...{ 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
    ...{ 'referrer-policy': 'no-referrer', ...headers },
  });
  response.end(body);
}

async function closed(server: Server, telling: Telling): Promise<void> {
  telling.end();
  server.close();
  server.closeIdleConnections();
  await once(server, 'close');
}

/** Tells the pages that are open what has changed since they were last told. */
class Telling {
  readonly #view: RunView;
  readonly #progress: Progress;
  readonly #listeners = new Map<ServerResponse, Partial<Fragments>>();
  readonly #timers: NodeJS.Timeout[];
  #samples: Sample[] = [];
  #every = 1;
  #ticks = 0;

  constructor(view: RunView, progress: Progress) {
    this.#view = view;
    this.#progress = progress;
    this.#timers = [setInterval(() => this.#tell(), TELL), setInterval(() => this.#sample(), SAMPLE)];
    for (const timer of this.#timers) timer.unref();
  }

  parts(): Fragments {
    return fragments(this.#view, this.#progress, Date.now(), this.#samples);
  }

  join(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    this.#listeners.set(response, {});
    response.on('close', () => this.#listeners.delete(response));
    this.#tell();
  }

  end(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#sample();
    this.#tell();
    for (const response of this.#listeners.keys())
      response.end(`data: ${JSON.stringify({ ended: this.#view.end?.status ?? 'FAILED' })}\n\n`);
  }

  #tell(): void {
    if (this.#listeners.size === 0) return;
    const parts = this.parts();
    for (const [response, told] of this.#listeners) {
      const changed = Object.entries(parts).filter(([id, markup]) => told[id as keyof Fragments] !== markup);
      this.#listeners.set(response, parts);
      if (changed.length > 0) response.write(`data: ${JSON.stringify(Object.fromEntries(changed))}\n\n`);
    }
  }

  #sample(): void {
    const { total, exported, imported } = this.#progress.records;
    if (total === 0 || this.#ticks++ % this.#every !== 0) return;
    this.#samples.push({ at: Date.now(), exported, imported });
    if (this.#samples.length <= MOST_SAMPLES) return;
    this.#samples = this.#samples.filter((_, index) => index % 2 === 0);
    this.#every *= 2;
  }
}
