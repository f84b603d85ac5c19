/**
 * Needs OLDER_CHROMA_COMMANDS: `chroma` commands of servers before 1.0, parted by colons (.ci/python-tools.sh installs
 * the last of 0.5 and of 0.6).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { addRecords } from '../fixtures/chroma-api.ts';
import { endWithTest } from '../fixtures/command-line.ts';
import { reportInProcess } from '../fixtures/migrate-in-process.ts';
import { assertArrived } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const commands = process.env.OLDER_CHROMA_COMMANDS?.split(':') ?? [];
assert.ok(commands.length > 0, 'OLDER_CHROMA_COMMANDS names the servers that are tested');

const COLLECTIONS = '/api/v2/tenants/default_tenant/databases/default_database/collections';

for (const command of commands)
  describe(`the server of ${command.split('/').at(-3)}`, () => {
    let url: string;
    let stop: () => Promise<void>;
    let postgres: TestPostgres;

    before(async () => {
      postgres = await startTestPostgres();
      const folder = await temporaryFolder('older-chroma-');
      const port = await freePort();
      url = `http://127.0.0.1:${port}`;
      const server = spawn(command, ['run', '--path', folder, '--host', '127.0.0.1', '--port', `${port}`], {
        ...{ cwd: folder, stdio: 'ignore', detached: true },
        env: { ...process.env, ANONYMIZED_TELEMETRY: 'False' },
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
