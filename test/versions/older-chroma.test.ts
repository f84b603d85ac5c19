/**
 * Needs OLDER_CHROMA_COMMANDS: `chroma` commands of servers before 1.0, parted by colons (.ci/python-tools.sh installs
 * the last of 0.5 and of 0.6).
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { addRecords } from '../fixtures/chroma-api.ts';
import { endWithTest, runJsonCommand } from '../fixtures/command-line.ts';
import { reportInProcess } from '../fixtures/migrate-in-process.ts';
import { assertArrived } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const commands = process.env.OLDER_CHROMA_COMMANDS?.split(':') ?? [];
assert.ok(commands.length > 0, 'OLDER_CHROMA_COMMANDS names the servers that are tested');

const COLLECTIONS = '/api/v2/tenants/default_tenant/databases/default_database/collections';

for (const command of commands)
  describe(`the server of ${command.split('/').at(-3)}`, () => {
    let folder: string;
    let url: string;
    let stop: () => Promise<void>;
    let postgres: TestPostgres;

    /** @param more variables of its environment: what it is set by */
    async function start(more: NodeJS.ProcessEnv = {}): Promise<void> {
      const port = await freePort();
      url = `http://127.0.0.1:${port}`;
      const server = spawn(command, ['run', '--path', folder, '--host', '127.0.0.1', '--port', `${port}`], {
        ...{ cwd: folder, stdio: 'ignore', detached: true },
        env: { ...process.env, ANONYMIZED_TELEMETRY: 'False', ...more },
      });
      const release = endWithTest(server);
      stop = async () => {
        const ended = once(server, 'exit');
        server.kill();
        await ended;
        release();
      };
      for (let tries = 0; !(await answers(url)); tries++) {
        assert.ok(tries < 120 && server.exitCode === null, 'the server did not start');
        await sleep(500);
      }
    }
    before(async () => {
      postgres = await startTestPostgres();
      folder = await temporaryFolder('older-chroma-');
      await start();
    });
    after(() => Promise.all([stop?.(), postgres?.stop()]));

    it('is migrated whole, with the space and the graph that its metadata say', async () => {
      const metadata = { 'hnsw:space': 'cosine', 'hnsw:M': 8, 'hnsw:search_ef': 64 };
      const made = await fetch(url + COLLECTIONS, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'old', metadata }),
      });
      const { id } = (await made.json()) as { id: string };
      const numbers = Array.from({ length: 300 }, (_, number) => number);
      await addRecords(url, id, {
        ids: numbers.map((number) => `id-${number}`),
        embeddings: numbers.map((number) => [number, 1, 0.5, -0.25]),
        documents: numbers.map((number) => (number % 2 === 0 ? `document ${number}` : '')),
        metadatas: numbers.map((number) => ({ number, weight: number / 3, whole: 1.5, yes: true })),
      });
      const store = await temporaryFolder('older-store-');
      const report = await reportInProcess({ chroma: url, target: postgres.url, store }, 'older', {});
      assert.equal(report.error, null);
      const [old] = report.collections;
      assert.deepEqual(
        [old?.plan.space, old?.plan.hnsw.m, old?.plan.hnsw.efSearch, old?.loaded, old?.published],
        ['cosine', 8, 64, 300, true],
      );
      assert.ok((old?.verification?.searches.largestDistanceDifference ?? 1) < 1e-6);
      const place = { chroma: url, collectionId: id, target: postgres.url, schema: 'old' };
      assert.equal(await assertArrived(place), 300);
    });

    const migrate = async (source: string, ...more: string[]) => {
      const store = await temporaryFolder('older-store-');
      const { code, json, stderr } = await runJsonCommand([
        ...['migrate', '--source', source, '--target', postgres.url, '--store', store, ...more],
      ]);
      return code === 0 ? json.collections[0]?.loaded : stderr;
    };

    // Each takes a server of its own, and the two series have them from the same providers.
    const isLast = { skip: command !== commands.at(-1) && 'tried with the last server' };

    it('lets in who has its password, in the address or in a header', isLast, async () => {
      await stop();
      const python = join(dirname(command), 'python');
      const hashed = 'import bcrypt; print(bcrypt.hashpw(b"it\'s: s/cret", bcrypt.gensalt(4)).decode())';
      const { stdout } = await promisify(execFile)(python, ['-c', hashed]);
      await writeFile(join(folder, 'passwords'), `reader:${stdout}`);
      await start({
        CHROMA_SERVER_AUTHN_PROVIDER: 'chromadb.auth.basic_authn.BasicAuthenticationServerProvider',
        CHROMA_SERVER_AUTHN_CREDENTIALS_FILE: join(folder, 'passwords'),
      });
      const address = new URL(url);
      address.username = 'reader';
      address.password = encodeURIComponent("it's: s/cret");
      const basic = Buffer.from("reader:it's: s/cret").toString('base64');
      assert.equal(await migrate(address.href), 300);
      assert.equal(await migrate(url, '--source-header', `Authorization: Basic ${basic}`), 300);
      assert.match(String(await migrate(url)), /refused the credentials \(40[13]\): pass the token or user/);
      address.password = 'another';
      assert.match(String(await migrate(address.href)), /refused the credentials \(40[13]\)/);
    });

    for (const [header, value] of [
      ['X-Chroma-Token', 'to-ken'],
      ['Authorization', 'Bearer to-ken'],
    ] as const)
      it(`lets in who has its token as ${header}`, isLast, async () => {
        await stop();
        await start({
          CHROMA_SERVER_AUTHN_PROVIDER: 'chromadb.auth.token_authn.TokenAuthenticationServerProvider',
          CHROMA_SERVER_AUTHN_CREDENTIALS: 'to-ken',
          CHROMA_AUTH_TOKEN_TRANSPORT_HEADER: header,
        });
        assert.equal(await migrate(url, '--source-header', `${header}: ${value}`), 300);
        assert.match(
          String(await migrate(url, '--source-header', `${header}: ${value}s`)),
          /refused the credentials \(40[13]\)/,
        );
      });
  });

const answers = (url: string) =>
  fetch(`${url}/api/v2/heartbeat`).then(
    ({ ok }) => ok,
    () => false,
  );

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  return port;
}
