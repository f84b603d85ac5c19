import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildAll } from '../local/build.ts';
import { startProduct } from './command-line.ts';
import { atMost, duration, type Figure } from './figure.ts';
import { inTurns } from './in-turns.ts';
import type { Collection, Setting } from './setting.ts';

const GOAL_SECONDS = 2;

/**
 * From the start of the command's process to the first answer that holds records with their embeddings, as a proxy
 * before Chroma sees it. The plan, which lists all ids and looks at 150 records without embeddings, is in between.
 */
export async function measureFirstRecord(setting: Setting, collection: Collection): Promise<Figure> {
  await buildAll();
  let hear: () => void = () => undefined;
  const proxy = await startProxy(setting.chromaServer.url, () => hear());
  const { port } = proxy.address() as AddressInfo;
  const ways = {
    async started() {
      const first = new Promise<void>((resolve) => {
        hear = resolve;
      });
      const began = performance.now();
      const child = startProduct([
        ...['migrate', '--source', `http://127.0.0.1:${port}`, '--target', setting.postgres.url],
        ...['--store', setting.store.url, '--run', `first-${Date.now()}`, '--quiet', '--take-over'],
        ...['--collections', collection.name],
      ]);
      const ended = once(child, 'exit');
      const early = ended.then(() => Promise.reject(new Error('migrate ended before it read a record')));
      await Promise.race([first, early]);
      early.catch(() => undefined);
      const seconds = (performance.now() - began) / 1000;
      child.kill('SIGINT');
      await ended;
      return seconds;
    },
  };
  try {
    const { started } = await inTurns(ways);
    return {
      what: `start of \`migrate\` to the first record read, ${collection.records.toLocaleString('en')} records planned before`,
      product: duration(started),
      beside: `${GOAL_SECONDS} s`,
      ratio: started / GOAL_SECONDS,
      goal: atMost(1, started / GOAL_SECONDS),
      headline: true,
    };
  } finally {
    proxy.close();
    proxy.closeAllConnections();
  }
}

/** Hands everything on, and tells when an answer begins to a request for embeddings. */
async function startProxy(chromaUrl: string, onRecords: () => void): Promise<Server> {
  const server = createServer((asked, answer) => {
    void readBody(asked).then((body) => handOn(chromaUrl, asked, answer, body, onRecords));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function handOn(
  chromaUrl: string,
  { method, url = '', headers }: IncomingMessage,
  answer: ServerResponse,
  body: Buffer,
  onRecords: () => void,
): void {
  const isForRecords = url.endsWith('/get') && body.includes('"embeddings"');
  const onward = request(`${chromaUrl}${url}`, { method, headers }, (said) => {
    answer.writeHead(said.statusCode ?? 502, said.headers);
    if (isForRecords) said.once('data', onRecords);
    said.pipe(answer);
    said.on('error', () => answer.destroy());
  });
  onward.on('error', () => answer.destroy());
  answer.on('close', () => onward.destroy());
  onward.end(body);
}

async function readBody(asked: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of asked) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
