import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import type { Finding } from '../../src/diagnose/diagnose-database.ts';
import { runJsonCommand } from '../fixtures/command-line.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

let postgres: TestPostgres;
let client: pg.Client;

before(async () => {
  postgres = await startTestPostgres();
  client = new pg.Client(postgres.url);
  await client.connect();
});
after(async () => {
  await client.end();
  await postgres.stop();
});

async function findings(
  ...args: string[]
): Promise<{ code: number | null; of: (check: string) => Finding[] }> {
  const { code, json } = await runJsonCommand(['test', ...args]);
  const found = (json as unknown as { findings: Finding[] }).findings;
  return { code, of: (check) => found.filter((one) => one.check === check) };
}

describe('test', () => {
  it('says that the extension is missing, and the statement that mends it', async () => {
    const before = await findings('--target', postgres.url);
    assert.equal(before.code, 1);
    const [missing] = before.of('extension');
    assert.equal(missing?.state, 'wrong');
    await client.query(missing?.remedy as string);
    const { code, of } = await findings('--target', postgres.url);
    assert.equal(code, 0);
    assert.match(of('extension')[0]?.said as string, /^pgvector \d/);
    assert.equal(of('connection')[0]?.state, 'good');
    assert.equal(of('index')[0]?.state, 'unknown');
  });

  it('says that nobody listens, and that the pool does not fit', async () => {
    const url = new URL(postgres.url);
    const nobody = await findings('--target', 'postgres://user@127.0.0.1:1/none');
    assert.equal(nobody.code, 1);
    assert.match(nobody.of('connection')[0]?.said as string, /connection refused/);
    assert.match(nobody.of('connection')[0]?.remedy as string, /systemctl start postgresql/);
    const config = join(await temporaryFolder('diagnose-'), 'production.yaml');
    await writeFile(
      config,
      `database:\n  connection:\n    host: ${url.hostname}\n    port: ${url.port}\n    user: ${url.username}\n    password: "${url.password}"\n    database: ${url.pathname.slice(1)}\n    sslmode: disable\n  pool:\n    max_size: 500\n`,
    );
    const { code, of } = await findings('--config', config);
    assert.equal(code, 1);
    assert.match(of('pool')[0]?.said as string, /a pool of 500 does not fit/);
    assert.match(of('pool')[0]?.remedy as string, /ALTER SYSTEM SET max_connections = \d+/);
  });

  it('names a privilege that is wanting, with its grant', async (t) => {
    if (postgres.isEmbedded) return t.skip('the embedded server has one user');
    await client.query(`create role poor_${process.pid} login password 'poor'`);
    try {
      const url = new URL(postgres.url);
      url.username = `poor_${process.pid}`;
      url.password = 'poor';
      const before = await findings('--target', url.href);
      assert.equal(before.code, 1);
      await client.query(before.of('privileges')[0]?.remedy as string);
      assert.equal((await findings('--target', url.href)).of('privileges')[0]?.state, 'good');
    } finally {
      await client.query(`drop owned by poor_${process.pid}; drop role poor_${process.pid}`);
    }
  });

  it('tells an address that is no Chroma', async () => {
    const { code, of } = await findings('--storage', 'chromadb', '--source', 'http://127.0.0.1:1');
    assert.equal(code, 1);
    assert.match(of('connection')[0]?.said as string, /not reachable \(connection refused\)/);
  });
});
