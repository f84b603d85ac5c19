import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TestServer {
  /** Without a path. */
  url: string;
  stop(): Promise<void>;
}

export async function startServer(answer: RequestListener): Promise<TestServer> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A Chroma server with one collection that holds one record, as far as a plan looks at it. */
export function startTinyChroma(collection: { name: string; dimension: number }): Promise<TestServer> {
  const id = '6d1b6a8e-3f59-4d5f-9c5b-0a6a5d0e5a11';
  const answers: [RegExp, unknown][] = [
    [/\/version$/, '1.0.0'],
    [/\/identity$/, { tenant: 'default_tenant' }],
    [/\/databases\?/, [{ name: 'default_database' }]],
    [/\/collections\?/, [{ id, ...collection, metadata: null, configuration_json: {} }]],
    [/\/count$/, 1],
    [/\/get$/, { ids: ['a'], embeddings: null, documents: ['x'], metadatas: [null], uris: [null] }],
  ];
  return startServer(({ url = '' }, response) => {
    const found = answers.find(([path]) => path.test(url));
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ? found[1] : { error: 'NotFound' }));
  });
}

/**
 * Stands before a Chroma server and lets in who has the credentials; tells everybody else what they sent, as
 * unfriendly proxies do.
 */
export function startGate(
  chromaUrl: string,
  isAllowed: (request: IncomingMessage) => boolean | Promise<boolean>,
): Promise<TestServer> {
  return startServer(async (request, response) => {
    if (!(await isAllowed(request))) {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: `bad credentials ${JSON.stringify(request.headers)}` }));
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const answer = await fetch(`${chromaUrl}${request.url}`, {
      method: request.method ?? 'GET',
      ...(chunks.length > 0 && {
        headers: { 'content-type': 'application/json' },
        body: Buffer.concat(chunks),
      }),
    });
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
}
