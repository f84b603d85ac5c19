/** Anybody may stand at the address of a Chroma server: whatever he sends costs bounded memory and time. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { ChromaSource } from '../../src/chroma/chroma-source.ts';
import { MigrationError } from '../../src/errors.ts';
import { startServer, type TestServer } from '../command-line/servers.ts';

const ADDRESS = { tenant: 't', database: 'd', collectionId: '6d1b6a8e-3f59-4d5f-9c5b-0a6a5d0e5a11' };
/** What takes a server's time is tried with little of it; what takes memory must be noticed by its size. */
const SHORT = { silenceMilliseconds: 300, answerMilliseconds: 500, waitMilliseconds: 50 };
/** However long this process is kept from reading, no silence is noticed before the answer's time is over. */
const TALKATIVE = { ...SHORT, silenceMilliseconds: 60_000 };
const LONG = { waitMilliseconds: 50 };
const MIB = 1024 ** 2;

/** How the answer begins, and a piece that may be repeated for ever. */
function endless(response: ServerResponse, begin: string, piece: Buffer): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write(begin);
  const more = () => {
    while (!response.destroyed && response.write(piece));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}

interface Attack {
  answer: (response: ServerResponse) => void;
  says: RegExp;
  /** Not tried again at once: the answer would be the same. */
  once?: true;
  takesTime?: true;
  /** Bytes come all the time. */
  isTalkative?: true;
}

const ATTACKS: Record<string, Attack> = {
  'a body without an end': {
    answer: (response) => endless(response, '["', Buffer.alloc(MIB, 'x')),
    says: /sent an answer of more than \d+ bytes: check/,
    once: true,
  },
  'a Content-Length of a petabyte': {
    answer: (response) => response.writeHead(200, { 'content-length': 1e15 }).end('['),
    says: /sent an answer of more than \d+ bytes/,
    once: true,
  },
  'a Content-Length that never comes': {
    answer: (response) => response.writeHead(200, { 'content-length': 16 * MIB }).write('['),
    says: /not reachable \((no further bytes within 0.3 s|its answer had not ended after 0.5 s)\)/,
    takesTime: true,
  },
  'a byte now and then, for ever': {
    answer(response) {
      response.writeHead(200);
      const drip = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(drip));
    },
    says: /its answer had not ended after 0.5 s/,
    isTalkative: true,
  },
  'headers, one now and then': {
    answer(response) {
      const socket = response.socket!;
      socket.write('HTTP/1.1 200 OK\r\n');
      const drip = setInterval(() => socket.write('x-more: 1\r\n'), 50);
      socket.on('close', () => clearInterval(drip)).on('error', () => undefined);
    },
    says: /no answer within 0.3 s|had not ended after 0.5 s/,
    takesTime: true,
  },
  'headers without an end': {
    answer(response) {
      const socket = response.socket!.on('error', () => undefined);
      socket.write('HTTP/1.1 200 OK\r\n');
      const more = () => {
        while (!socket.destroyed && socket.write(`x-more: ${'y'.repeat(1000)}\r\n`));
        if (!socket.destroyed) socket.once('drain', more);
      };
      more();
    },
    says: /not reachable \(/,
  },
  'brackets, a million deep': {
    answer: (response) => response.end('['.repeat(1e6)),
    says: /something else than its API has there/,
    once: true,
  },
  'a million arrays in one another that are well formed': {
    answer: (response) => response.end(`${'['.repeat(1e6)}${']'.repeat(1e6)}`),
    says: /something else than its API has there/,
    once: true,
  },
  'nothing of JSON': {
    answer: (response) => response.end('<html>'),
    says: /something else than its API has there: check/,
    once: true,
  },
  'a redirect to the credentials of a cloud': {
    answer: (response) =>
      response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data/' }).end(),
    says: /sends requests elsewhere \(307\), which is not followed/,
    once: true,
  },
  'an announcement, again and again': {
    answer(response) {
      const again = setInterval(() => response.writeEarlyHints({ link: '</x>; rel=preload' }), 20);
      response.on('close', () => clearInterval(again));
    },
    says: /no answer within 0.3 s|had not ended after 0.5 s/,
    takesTime: true,
  },
};

describe('a hostile server', { concurrency: true }, () => {
  for (const [what, { answer, says, once, takesTime, isTalkative }] of Object.entries(ATTACKS))
    it(`that sends ${what} gets a sentence soon, and little memory`, async () => {
      let asked = 0;
      const server = await startServer((_request, response) => {
        asked++;
        answer(response);
      });
      const patience = isTalkative ? TALKATIVE : takesTime ? SHORT : LONG;
      const chroma = new ChromaSource({ url: server.url, patience });
      const started = performance.now();
      try {
        await assert.rejects(chroma.databases('t'), (error: Error) => {
          assert.ok(error instanceof MigrationError, error.stack);
          assert.match(error.message, says);
          return true;
        });
      } finally {
        await chroma.close();
        await server.stop();
      }
      assert.ok(performance.now() - started < 20_000, 'it took long');
      assert.equal(asked === 1, once === true, `asked ${asked} times`);
    });

  it('costs no more memory than an answer may have', async () => {
    const server = await startServer((_request, response) =>
      endless(response, '{"ids": ["', Buffer.alloc(MIB, 'x')),
    );
    const chroma = new ChromaSource({ url: server.url });
    let most = 0;
    const look = setInterval(() => {
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    }, 5);
    try {
      await assert.rejects(
        chroma.page(ADDRESS, { offset: 0, limit: 1 }, []),
        /sent an answer of more than 134217728 bytes/,
      );
    } finally {
      clearInterval(look);
      await chroma.close();
      await server.stop();
    }
    // The room for an answer whose length is not told doubles: the old and the new one are there for a moment.
    assert.ok(most < 300 * MIB, `${Math.round(most / MIB)} MiB`);
  });
});

describe('an answer that is JSON but not what the API says', () => {
  const wrong: [string, (chroma: ChromaSource) => Promise<unknown>, unknown[]][] = [
    ['the version', (chroma) => chroma.version(), [null, {}, []]],
    ['the tenant', (chroma) => chroma.ownTenant(), [null, [], { tenant: 7 }]],
    [
      'databases',
      (chroma) => chroma.databases('t'),
      [null, {}, [null], [{}], [{ name: 7 }], [{ name: 'a\0b' }], [{ name: '\ud800' }]],
    ],
    [
      'collections',
      (chroma) => chroma.collections('t', 'd'),
      [
        [{ name: 'x' }],
        [{ name: 'x', id: '../../secret', dimension: 3 }],
        [{ name: 'x', id: ADDRESS.collectionId, dimension: '3' }],
        [{ name: 'x', id: ADDRESS.collectionId, dimension: -1 }],
        [{ name: 'x', id: ADDRESS.collectionId, dimension: 3, metadata: 'x' }],
      ],
    ],
    ['the count', (chroma) => chroma.count(ADDRESS), [null, -1, 0.5, '5', 1e300, [5], {}]],
    [
      'neighbours',
      (chroma) => chroma.nearest(ADDRESS, [[1]], 1),
      [null, {}, { ids: null, distances: [] }, { ids: [[1]], distances: [[0]] }],
    ],
  ];
  for (const [what, ask, answers] of wrong)
    it(`is refused: ${what}`, async () => {
      let said: unknown;
      const server: TestServer = await startServer((_request, response) =>
        response.end(JSON.stringify(said)),
      );
      // It may pass by itself, so it would be asked for four times.
      const chroma = new ChromaSource({ url: server.url, patience: { tries: 1 } });
      try {
        for (said of answers)
          await assert.rejects(
            ask(chroma),
            /answered \/api\/v2\/\S+ with something else than its API has there/,
          );
      } finally {
        await chroma.close();
        await server.stop();
      }
    });

  it('is refused: a listing without an end', async () => {
    let next = 0;
    const server = await startServer((_request, response) =>
      response.end(JSON.stringify(Array.from({ length: 20_000 }, () => ({ name: `d${next++}` })))),
    );
    const chroma = new ChromaSource({ url: server.url });
    try {
      await assert.rejects(chroma.databases('t'), /lists more than 100000 names/);
    } finally {
      await chroma.close();
      await server.stop();
    }
  });
});

it('a server that asks to be left alone for years is asked again soon', async () => {
  let asked = 0;
  const server = await startServer((_request, response) => {
    asked++;
    response.writeHead(429, { 'retry-after': '1e9' }).end();
  });
  const chroma = new ChromaSource({ url: server.url, patience: { waitMilliseconds: 50 } });
  const started = performance.now();
  await assert.rejects(chroma.version(), /asked for fewer requests/);
  assert.equal(asked, 4);
  assert.ok(performance.now() - started < 5_000);
  await chroma.close();
  await server.stop();
});
