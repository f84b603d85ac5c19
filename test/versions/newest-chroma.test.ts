/**
 * Needs CHROMA_COMMAND: the `chroma` command of the server to be tested (.ci/python-tools.sh installs the newest).
 * CHROMA_WITHOUT_LISTS=1 is for one of before 1.5, which takes no arrays as metadata.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { runMigration } from '../../local/run-migration.ts';
import { migrateAny } from '../fixtures/migrate-any.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';

const command = process.env.CHROMA_COMMAND;
assert.ok(command, 'CHROMA_COMMAND names the server that is tested');
const takesLists = !process.env.CHROMA_WITHOUT_LISTS;

let folder: string;
let server: ChildProcess;
let source: string;
let postgres: TestPostgres;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'newest-chroma-'));
  const port = await freePort();
  source = `http://127.0.0.1:${port}`;
  const args = ['run', '--path', join(folder, 'data'), '--host', '127.0.0.1', '--port', String(port)];
  server = spawn(command, args, { cwd: folder, stdio: 'ignore' });
  postgres = await startTestPostgres();
  for (let tries = 0; !(await answers()); tries++) {
    assert.ok(tries < 120 && server.exitCode === null, 'the server did not start');
    await sleep(500);
  }
});

after(async () => {
  const ended = once(server, 'exit');
  server.kill();
  await ended;
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('a server of the newest release', () => {
  it('is migrated whole: arrays in the metadata, each space, every record', async () => {
    for (const space of ['cosine', 'l2', 'ip']) await fill(`things-${space}`, space, 300);
    const { report } = await runMigration({
      ...{ source, sourceHeader: undefined, sourceCa: undefined, target: postgres.url, targetCa: undefined },
      ...{ store: join(folder, 'store'), run: 'newest', request: {}, quiet: true },
    });
    assert.equal(report.error, null);
    assert.deepEqual(
      report.collections.map(({ plan, loaded, published }) => [plan.space, loaded, published]),
      [
        ['cosine', 300, true],
        ['ip', 300, true],
        ['l2', 300, true],
      ],
    );
    for (const { checksum } of report.collections) assert.equal(checksum.source, checksum.target);
    const client = new pg.Client(postgres.url);
    await client.connect();
    const { rows } = await client.query(
      `select source_id, metadata, embedding::text from things_l2.documents d
         join things_l2.embeddings e on e.document_id = d.id where source_id = 'id-7'`,
    );
    await client.end();
    assert.deepEqual(rows, [{ source_id: 'id-7', metadata: metadataOf(7), embedding: '[7,1,0.5,-0.25]' }]);
  });
});

describe('any collection of it', { skip: !process.env.DATABASE_URL && 'needs a native server' }, () => {
  it('arrives whole, but for the records that Postgres cannot hold, and these are listed', async (context) => {
    context.diagnostic(
      await migrateAny(source, { runs: 10, seconds: 20, takesLists, takesEmptyKeys: false }),
    );
  });
});

async function fill(name: string, space: string, records: number): Promise<void> {
  const collections = `${source}/api/v2/tenants/default_tenant/databases/default_database/collections`;
  const { id } = (await post(collections, { name, configuration: { hnsw: { space } } })) as { id: string };
  const numbers = Array.from({ length: records }, (_, number) => number);
  await post(`${collections}/${id}/add`, {
    ids: numbers.map((number) => `id-${number}`),
    embeddings: numbers.map((number) => [number, 1, 0.5, -0.25]),
    documents: numbers.map((number) => `document ${number}`),
    metadatas: numbers.map(metadataOf),
  });
}

const metadataOf = (n: number) => ({ ...(takesLists && { tags: ['a', `b${n}`] }), weight: 1.5, n });

async function post(url: string, body: unknown): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  assert.ok(response.ok, await response.clone().text());
  return response.json();
}

const answers = () =>
  fetch(`${source}/api/v2/heartbeat`).then(
    (response) => response.ok,
    () => false,
  );

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  return port;
}
