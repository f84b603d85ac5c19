/** Ids, texts and keys come from anybody: no terminal, page or database takes them for commands. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { createCollection, sendText } from '../fixtures/chroma-api.ts';
import { type Finished, runCommand } from '../fixtures/command-line.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const HOSTILE = [
  '\u001b]0;owned\u0007\u001b[2J',
  '\u009b31m\u202egnp.exe',
  '<script>alert(1)</script><img src=x onerror=alert(2)>',
  `'); drop schema docs cascade; --`,
  '$1 %s %n \\copy "',
  '"\n\t\r\u0008',
];
/** Each of them in a record that Postgres cannot hold, so that a list of rejects names it. */
const REJECTED = HOSTILE.map((text) => `${text}\u0000`);

describe('hostile names', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let client: pg.Client;
  let folder: string;
  const finished: Finished[] = [];

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    folder = await temporaryFolder('hostile-');
    const id = await createCollection(chroma.url, 'docs');
    const ids = [...HOSTILE, ...REJECTED];
    const body = {
      ids,
      embeddings: ids.map((_, index) => [index, 1, 2]),
      documents: ids.map((text) => text.replaceAll('\u0000', '')),
      metadatas: ids.map((text) => ({ [text.replaceAll('\u0000', '')]: text.replaceAll('\u0000', '') })),
    };
    const { status, text } = await sendText(chroma.url, 'POST', `/${id}/add`, JSON.stringify(body));
    assert.equal(status, 201, text);
    const args = [
      'migrate',
      '--source',
      chroma.url,
      '--target',
      postgres.url,
      '--store',
      folder,
      '--run',
      'hostile',
    ];
    finished.push(await runCommand([...args, '--verbose']));
    finished.push(await runCommand([...args, '--on-reject', 'quarantine']));
    client = new pg.Client(postgres.url);
    await client.connect();
  });
  after(async () => {
    await client?.end();
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  it('reach the terminal as signs only', () => {
    assert.deepEqual(
      finished.map(({ code }) => code),
      [1, 0],
    );
    for (const { stdout, stderr } of finished) {
      assert.doesNotMatch((stdout + stderr).replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
      assert.match(stdout, /Rejected records \(6\)/);
    }
  });

  it('are text in the report', async () => {
    const html = await readFile(join(folder, 'runs/hostile/report.html'), 'utf8');
    assert.match(html, /&lt;script&gt;alert\(1\)/);
    assert.doesNotMatch(html, /<script>alert|<img/);
  });

  it('arrive in the tables as they are, and do nothing there', async () => {
    const { rows } = await client.query<{ id: string; content: string; metadata: Record<string, string> }>(
      'select source_id as id, content, metadata from docs.documents',
    );
    assert.deepEqual(rows.map(({ id }) => id).sort(), [...HOSTILE].sort());
    for (const { id, content, metadata } of rows) assert.deepEqual([content, metadata], [id, { [id]: id }]);
  });
});
