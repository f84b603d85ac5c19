import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the Chroma server seems to answer. */
export type ChromaMood =
  | { kind: 'well' }
  | { kind: 'status'; status: 429 | 500 | 503 }
  /** Half of the body, and the connection is closed. */
  | { kind: 'half' }
  /** JSON that is none, or JSON of something else. */
  | { kind: 'wrong'; body: string }
  /** `get` fails as a whole if this record is among those asked for, as chroma-core/chroma#2912 has it. */
  | { kind: 'one-record'; offset: number };

/** A Chroma server that is moody: hands requests on to a real one, unless it shall answer otherwise. */
export class ChromaProxy {
  readonly #server: Server;
  readonly #chroma: string;
  mood: ChromaMood = { kind: 'well' };
  /** Requests that were answered otherwise than by the real server. */
  bad = 0;

  private constructor(server: Server, chroma: string) {
    this.#server = server;
    this.#chroma = chroma;
    server.on('request', (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(chroma: string): Promise<ChromaProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ChromaProxy(server, chroma);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const asked = Buffer.concat(pieces);
    const { mood } = this;
    const json = { 'content-type': 'application/json' };
    if (mood.kind === 'status' || (mood.kind === 'one-record' && isAsked(request, asked, mood.offset))) {
      this.bad++;
      const status = mood.kind === 'status' ? mood.status : 500;
      response.writeHead(status, { ...json, ...(status === 429 && { 'retry-after': '1' }) });
      response.end(JSON.stringify({ error: 'InternalError', message: 'Error finding id' }));
      return;
    }
    if (mood.kind === 'wrong') {
      this.bad++;
      response.writeHead(200, json).end(mood.body);
      return;
    }
    const answer = await fetch(`${this.#chroma}${request.url}`, {
      method: request.method ?? 'GET',
      ...(asked.length > 0 && { headers: json, body: asked }),
    });
    const body = Buffer.from(await answer.arrayBuffer());
    if (mood.kind === 'half') {
      this.bad++;
      response.writeHead(answer.status, { ...json, 'content-length': body.length });
      response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
      return;
    }
    response.writeHead(answer.status, { ...json, 'content-length': body.length }).end(body);
  }
}

function isAsked(request: IncomingMessage, body: Buffer, record: number): boolean {
  if (!request.url?.endsWith('/get')) return false;
  const { offset, limit } = JSON.parse(body.toString()) as { offset?: number; limit?: number };
  return offset !== undefined && limit !== undefined && offset <= record && record < offset + limit;
}
