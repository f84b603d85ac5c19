/** A server that names its collections, databases and records as nobody else would: they are names, whatever they say. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { startServer, type TestServer } from '../command-line/servers.ts';
import { type Finished, runCommand } from '../fixtures/command-line.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const NAMES = [
  '../../../escaped',
  '..\\..\\escaped',
  '/etc/escaped',
  `docs"; drop schema chroma_migration cascade; --`,
  `'); drop schema public cascade; --`,
  '<script>alert(1)</script>',
  `"><img src=x onerror=alert(2)>`,
  'javascript:alert(3)',
  '\u001b]0;owned\u0007\u001b[2J\u009b31m',
  '\u202egnp.exe',
  '%s%n%d $1 $HOME $(id) `id` {0}',
  '__proto__',
  'constructor',
  'pg_catalog',
  'chroma_migration',
  'public',
  'docs__incoming',
  'x'.repeat(5_000),
  'name\twith\nlines\r\n',
  ' ',
];
const DATABASE = '../<b>"db\u001b[31m';
const RECORDS = 12;

/** Any name, any text: the record that it stands in is as good as any other. */
const textAt = (index: number) => NAMES[index % NAMES.length]!.replaceAll('\0', '');

function answer({ method, url = '' }: IncomingMessage, body: { limit?: number; offset?: number }): unknown {
  const path = decodeURIComponent(url.split('?')[0]!);
  if (path.endsWith('/version')) return '1.0.0\u001b[2J<script>alert(4)</script>';
  if (path.endsWith('/identity')) return { tenant: '"tenant\'; <i>' };
  if (path.endsWith('/databases')) return [{ name: DATABASE }];
  if (path.endsWith('/collections')) return NAMES.map(collectionAt);
  if (path.endsWith('/count')) return RECORDS;
  const indexes = Array.from({ length: RECORDS }, (_, at) => at).slice(
    body.offset ?? 0,
    (body.offset ?? 0) + (body.limit ?? RECORDS),
  );
  if (method === 'POST' && path.endsWith('/get'))
    return {
      ids: indexes.map((index) => `${index} ${textAt(index)}`),
      embeddings: indexes.map((index) => [index + 1, 2, 3]),
      documents: indexes.map(textAt),
      metadatas: indexes.map((index) =>
        JSON.parse(`{${JSON.stringify(textAt(index + 9))}: "x", "__proto__": "y"}`),
      ),
      uris: indexes.map(textAt),
    };
  const nearest = Array.from({ length: 10 }, (_, at) => at);
  return { ids: [nearest.map((index) => `${index} ${textAt(index)}`)], distances: [nearest.map(() => null)] };
}

const collectionAt = (name: string, at: number) => ({
  ...{ name, id: `6d1b6a8e-3f59-4d5f-9c5b-${String(at).padStart(12, '0')}`, dimension: 3 },
  metadata: { 'hnsw:space': 'l2', [NAMES[at]!]: NAMES[at], 'hnsw:M': '16); drop schema public cascade; --' },
  configuration_json: {
    hnsw: { space: "l2'; --", max_neighbors: 1e9, ef_construction: '1; --' },
    embedding_function: { name, config: { model_name: `${name}\0\ud800` } },
  },
});

describe('hostile names of collections', () => {
  let chroma: TestServer;
  let postgres: TestPostgres;
  let client: pg.Client;
  let folder: string;
  let plan: Finished;
  let migrate: Finished;
  let refused: Finished;

  before(async () => {
    chroma = await startServer(async (request: IncomingMessage, response: ServerResponse) => {
      let text = '';
      for await (const piece of request) text += piece;
      if (request.url?.includes('refused')) {
        response.writeHead(400).end(JSON.stringify({ message: NAMES.join(' ') }));
        return;
      }
      response.end(JSON.stringify(answer(request, text === '' ? {} : JSON.parse(text))));
    });
    postgres = await startTestPostgres();
    folder = join(await temporaryFolder('hostile-source-'), 'a', 'b', 'store');
    plan = await runCommand(['plan', '--source', chroma.url]);
    migrate = await runCommand([
      ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', folder, '--run', 'hostile'],
      ...['--verbose', '--sample-size', '1'],
    ]);
    refused = await runCommand(['plan', '--source', `${chroma.url}/refused`]);
    client = new pg.Client(postgres.url);
    await client.connect();
  });
  after(async () => {
    await client?.end();
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  it('are planned, migrated and published like any others', () => {
    assert.equal(plan.code, 0, plan.stderr);
    assert.equal(migrate.code, 0, migrate.stderr.slice(-2_000));
    assert.equal(refused.code, 1);
  });

  it('reach the terminal as signs only', () => {
    for (const { stdout, stderr } of [plan, migrate, refused])
      assert.doesNotMatch((stdout + stderr).replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
  });

  it('write below the folder of the store and nowhere else', async () => {
    const outside = dirname(dirname(folder));
    assert.deepEqual(await readdir(outside), ['b']);
    assert.deepEqual(await readdir(dirname(folder)), ['store']);
    for (const schema of await readdir(join(folder, 'runs/hostile/shards')))
      assert.match(schema, /^[a-z_][a-z0-9_]{0,52}$/);
  });

  it('are schemas of their own, of plain names, and harm none that was there', async () => {
    const { rows } = await client.query<{ schema: string; collection: string; there: boolean }>(
      `select p.schema, p.collection, to_regclass(format('%I.documents', p.schema)) is not null as there
         from chroma_migration.published_schemas p`,
    );
    assert.equal(new Set(rows.map(({ schema }) => schema)).size, NAMES.length);
    for (const { schema, there } of rows) {
      assert.match(schema, /^[a-z_][a-z0-9_]{0,52}$/);
      assert.ok(there && !/^(public|chroma_migration|information_schema)$|^pg_/.test(schema), schema);
    }
    const { rowCount } = await client.query(
      `select from pg_namespace where nspname in ('public', 'pg_catalog')`,
    );
    assert.equal(rowCount, 2);
  });

  it('hold every record as it is', async () => {
    const { rows } = await client.query('select schema from chroma_migration.published_schemas');
    for (const { schema } of rows) {
      const held = await client.query(
        `select source_id, content, uri, metadata from ${pg.escapeIdentifier(schema)}.documents`,
      );
      assert.equal(held.rowCount, RECORDS);
      for (const { source_id, content, uri, metadata } of held.rows) {
        const index = Number.parseInt(source_id, 10);
        assert.deepEqual(
          [source_id, content, uri],
          [`${index} ${textAt(index)}`, textAt(index), textAt(index)],
        );
        assert.equal(
          Object.getOwnPropertyDescriptor(metadata, textAt(index + 9))?.value,
          textAt(index + 9) === '__proto__' ? 'y' : 'x',
        );
      }
    }
  });

  it('are text in the report', async () => {
    const html = await readFile(join(folder, 'runs/hostile/report.html'), 'utf8');
    assert.match(html, /&lt;script&gt;alert\(1\)/);
    assert.doesNotMatch(html, /<script>alert|<img|<b>"db|href="?javascript/i);
    assert.doesNotMatch(html.replaceAll(/[\n\t]/g, ''), /[\p{Cc}\u202a-\u202e]/u);
  });
});
