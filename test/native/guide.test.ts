/** Walks the tables of docs/guide.md from the first row to the last, against a real Chroma and a real Postgres. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { ClusteredVectors } from '../fixtures/clustered-vectors.ts';
import { runCommand } from '../fixtures/command-line.ts';
import { wordsOf } from '../fixtures/documents.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { type Act, type GuideRow, guideRows } from '../fixtures/guide-tables.ts';
import { holdServerSettings, startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const DIMENSION = 16;
/** Enough that a search by the index is cheaper than reading the table. */
const RECORDS = 300;
const guide = readFileSync(new URL('../../docs/guide.md', import.meta.url), 'utf8');
const rows = guideRows(guide);

/** What is done before this program or outside of it. No other row may be left out. */
const BY_HAND = [/^`(docker|sudo apt|git clone|brew) /, /^`signal-hub (stop|serve)`$/, /^Next Steps/];

const TUNING = 'Step 7: tuning';

let chroma: TestChroma;
let postgres: TestPostgres;
let empty: TestPostgres;
let embedder: Server;
let folder: string;
let client: pg.Client;
/** Words of each command of ours that was run, and what the last one printed. */
const commands: string[] = [];
let printed = '';

before(async () => {
  [chroma, postgres, empty, folder] = await Promise.all([
    startTestChroma(),
    startTestPostgres(),
    startTestPostgres(),
    temporaryFolder('guide-'),
  ]);
  embedder = createServer((request, response) => {
    request.resume();
    response.end(JSON.stringify([Array.from(new ClusteredVectors({ seed: 1, dimension: DIMENSION }).at(7))]));
  }).listen(0, '127.0.0.1');
  await once(embedder, 'listening');
  await fillCollection(chroma.url, {
    ...{ name: 'docs', dimension: DIMENSION, records: RECORDS, space: 'cosine' },
    embeddingFunction: {
      type: 'known',
      name: 'huggingface_server',
      config: { url: `http://127.0.0.1:${(embedder.address() as AddressInfo).port}` },
    },
  });
  await mkdir(join(folder, 'config'));
  await writeFile(join(folder, 'config', 'production.yaml'), configuration());
  await writeFile(join(folder, 'signal-hub.yaml'), 'storage:\n  vector_store: chromadb\n');
  client = new pg.Client(postgres.url);
  await client.connect();
  await client.query('set search_path = docs, public');
});
after(async () => {
  await client?.end();
  embedder?.close();
  await Promise.all([chroma?.stop(), postgres?.stop(), empty?.stop()]);
});

/** The document's own, with this test's servers. */
function configuration(): string {
  const yaml = /```yaml\n([\s\S]*?)```/.exec(guide)?.[1] as string;
  const { hostname, port, username, pathname } = new URL(postgres.url);
  const here = { host: hostname, port, database: pathname.slice(1), user: username, sslmode: 'disable' };
  return Object.entries(here)
    .reduce((text, [key, value]) => text.replace(new RegExp(`(?<=^ +${key}: )\\S+`, 'm'), value), yaml)
    .replace('http://localhost:8000', chroma.url);
}

const environment = () => {
  const { hostname, port, password } = new URL(postgres.url);
  return { PGHOST: hostname, PGPORT: port, PGPASSWORD: password, POSTGRES_PASSWORD: password };
};

describe('the tables of the guide', () => {
  it('leave out nothing but what is done by hand', () => {
    assert.ok(rows.length > 50, `${rows.length} rows`);
    for (const row of rows)
      if (row.byHand)
        assert.ok(
          BY_HAND.some((hand) => hand.test(row.guide)),
          row.guide,
        );
      else assert.notEqual(row.acts.length, 0, `nothing of this row is run: ${row.guide} | ${row.here}`);
  });

  for (const row of rows)
    if (!row.byHand)
      it(`${row.heading}: ${row.guide || row.here}`, async () => {
        const release = row.heading === TUNING ? await holdServerSettings() : null;
        try {
          for (const act of row.acts) await walk(act, row);
        } finally {
          await release?.();
        }
      });
});

async function walk(act: Act, row: GuideRow): Promise<void> {
  if (act.kind === 'ours') return ours(act.words, row.exits);
  if (act.kind === 'sql') return sql(act.statement, act.fails);
  if (act.kind === 'shell') return shell(act.line);
  if (act.kind === 'above') {
    assert.ok(
      commands.some((words) => words.includes(`${act.option} `)),
      act.option,
    );
    return;
  }
  // Figures are the guide's; what they stand in is ours.
  const [mark = '', ...parts] = act.line.split(/[\d.,]+(?:e-\d+)?/);
  const pattern = [mark, ...parts]
    .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('[\\d.,]+(?:e[-+]\\d+)?');
  assert.match(printed, new RegExp(`^${pattern}$`, 'm'));
}

async function ours(words: string, exits: number): Promise<void> {
  const args = wordsOf(words)
    .map((word) => word.replace('http://localhost:8000', chroma.url))
    .map((word) => word.replace('postgres://user@localhost/vectors', postgres.url))
    .map((word) => word.replace('postgres://user@localhost/empty', empty.url));
  const { code, stdout, stderr } = await runCommand(args, environment(), folder);
  assert.equal(code, exits, `${words}\n${stdout}${stderr}`);
  assert.notEqual(stdout, '', words);
  commands.push(`${words} `);
  printed = stdout;
}

/** A query must find something, and a statement that the guide has wrong must be refused. */
async function sql(statement: string, fails: boolean): Promise<void> {
  if (fails) {
    await assert.rejects(client.query(statement), pg.DatabaseError, statement);
    return;
  }
  const { rows: found } = await client.query(statement);
  if (/^(select|explain)/i.test(statement)) assert.ok(found.length > 0, statement);
  // The server is others' too: before anybody reloads its configuration.
  const setting = /^alter system set (\w+)/i.exec(statement)?.[1];
  if (setting) await client.query(`alter system reset ${setting}`);
}

/** Where there is no jq, that each line is JSON is found out all the same. */
const JQ = `command -v jq >/dev/null || jq() { "${process.execPath}" -e '
  for (const line of require("fs").readFileSync(0, "utf8").trimEnd().split("\\n")) JSON.parse(line)'; }`;

function shell(line: string): void {
  const { username, pathname } = new URL(postgres.url);
  const here = line.replace('-U postgres -d signalhub', `-U ${username} -d ${pathname.slice(1)}`);
  execFileSync('sh', ['-ec', `${JQ}\n${here}`], {
    cwd: folder,
    env: { ...process.env, ...environment() },
    stdio: 'pipe',
  });
}
