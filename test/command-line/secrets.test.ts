/** Passwords and tokens stay where they were given: a run tells them to nobody, whether it succeeds or fails. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { sendText } from '../fixtures/chroma-api.ts';
import { startCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { startGate, type TestServer } from './servers.ts';

const USER_PASSWORD = 'basic-Pa55-of-the-source';
const TOKEN = 'token-4711-of-the-source';
const FILE_TOKEN = 'token-0815-in-a-file';
/** What a shell may hold beside: a store's credentials, which functions are given, and what is none of their business. */
const ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: 'access-key-of-nobody',
  AWS_SECRET_ACCESS_KEY: 'secret-key-of-a-bucket',
  AWS_SESSION_TOKEN: 'session-token-of-a-bucket',
  OPENAI_API_KEY: 'key-of-something-else',
};
const BASIC = Buffer.from(`reader:${USER_PASSWORD}`).toString('base64');

describe('secrets', () => {
  let chroma: TestChroma;
  let gate: TestServer;
  let postgres: TestPostgres;
  let folder: string;
  /** Where the commands leave what is temporary. */
  let temporary: string;
  let target: string;
  let secrets: string[];
  const commandLines = new Set<string>();
  let said = '';

  /** Runs a command and keeps what it says, and what `ps` shows of it and its children meanwhile. */
  async function run(args: string[], environment: Record<string, string> = {}): Promise<number | null> {
    const { process: child, finished } = startCommand([...args, '--verbose'], {
      ...ENVIRONMENT,
      TMPDIR: temporary,
      ...environment,
    });
    const look = setInterval(() => {
      // Until the program runs, the arguments are those that the person has typed.
      for (const line of commandLinesOf(child.pid as number))
        if (!line.includes('chroma-to-pgvector.js\0')) commandLines.add(line);
    }, 20);
    const { code, stdout, stderr } = await finished;
    clearInterval(look);
    said += stdout + stderr;
    return code;
  }

  /** The native server's password may be a word that stands anywhere; the embedded one's is random. */
  async function ownRole(): Promise<string> {
    if (postgres.isEmbedded) return postgres.url;
    const [role, password] = [`discreet_${randomBytes(4).toString('hex')}`, randomBytes(16).toString('hex')];
    await sql(`create role ${role} login superuser password '${password}'`);
    // What the server's owner may turn on: every statement with what is bound to it.
    await sql(`alter role ${role} set log_statement = 'all'`);
    const url = new URL(postgres.url);
    Object.assign(url, { username: role, password });
    return url.href;
  }

  async function sql(text: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(postgres.url);
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  }

  const source = () => gate.url.replace('http://', `http://reader:${USER_PASSWORD}@`);

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    gate = await startGate(
      chroma.url,
      ({ headers }) =>
        headers['x-token'] === TOKEN &&
        headers['x-more'] === FILE_TOKEN &&
        headers.authorization === `Basic ${BASIC}`,
    );
    target = await ownRole();
    const { password } = new URL(target);
    secrets = [USER_PASSWORD, BASIC, TOKEN, FILE_TOKEN, password, ...Object.values(ENVIRONMENT)];
    folder = await temporaryFolder('secrets-');
    temporary = await temporaryFolder('secrets-tmp-');
    await writeFile(join(folder, 'headers'), `x-more: ${FILE_TOKEN}\n`);
    const id = await fillCollection(chroma.url, { name: 'docs', dimension: 8, records: 200 });
    const bad = { ids: ['nul\u0000'], embeddings: [[1, 2, 3, 4, 5, 6, 7, 8]], documents: ['x'] };
    await sendText(chroma.url, 'POST', `/${id}/add`, JSON.stringify(bad));
    const places = ['--source', source(), '--target', target, '--source-header', `x-token: ${TOKEN}`];
    const headers = ['--source-header', `@${join(folder, 'headers')}`];
    const store = ['--store', join(folder, 'store')];
    const rest = [...headers, ...store, '--run', 'discreet', '--sample-size', '1'];
    assert.equal(await run(['migrate', ...places, ...rest]), 1, said);
    // The password from the environment, as the README advises.
    const bare = new URL(target);
    bare.password = '';
    const withoutPassword = places.map((word) => (word === target ? bare.href : word));
    const quarantine = ['migrate', ...withoutPassword, ...rest, '--on-reject', 'quarantine'];
    assert.equal(await run(quarantine, { PGPASSWORD: password }), 0, said);
    const wrong = new URL(target);
    wrong.password = `${TOKEN}-wrong`;
    const codes = await Promise.all([
      run(['verify', ...places, ...headers, '--sample-size', '1']),
      // Failures of every kind: refused credentials that are told back, a wrong password, no server.
      run(['migrate', ...places, ...store, '--json']),
      run(['rollback', '--target', wrong.href, '--collection', 'docs']),
      run(['plan', '--source', source().replace(/:\d+$/, ':1')]),
    ]);
    assert.deepEqual(codes, [0, 1, 1, 1], said);
  });
  after(async () => {
    if (target !== postgres?.url) await sql(`reassign owned by ${new URL(target).username} to current_user`);
    if (target !== postgres?.url) await sql(`drop role ${new URL(target).username}`);
    await Promise.all([chroma?.stop(), postgres?.stop(), gate?.stop()]);
  });

  const assertNone = (text: string, where: string) => {
    for (const secret of secrets)
      assert.ok(
        !text.includes(secret),
        `${where} holds ${secret}: ${text.slice(Math.max(0, text.indexOf(secret) - 200)).slice(0, 400)}`,
      );
  };

  it('are not printed, not with --verbose either', () => {
    assert.match(said, /bad credentials/, 'what the server said is shown');
    assertNone(said, 'The output');
  });

  it('are in no file of the store, reports and plan included', async () => {
    const files = (await readdir(join(folder, 'store'), { recursive: true, withFileTypes: true })).filter(
      (one) => one.isFile(),
    );
    const names = files.map(({ name }) => name);
    for (const name of ['plan.json', 'report.json', 'report.html', 'shards.json', 'manifest.json'])
      assert.ok(names.includes(name), name);
    for (const { parentPath, name } of files)
      assertNone(await readFile(join(parentPath, name), 'latin1'), name);
  });

  it('are in no table of the ledger', async () => {
    const tables = await sql(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'chroma_migration'`,
    );
    assert.ok(tables.length > 5);
    for (const { name } of tables)
      assertNone(JSON.stringify(await sql(`select to_jsonb(t)::text as row from ${name} t`)), String(name));
  });

  const log = process.env.DATABASE_LOG;
  it("are not in the server's log, where it tells every statement", { skip: log === undefined }, async () => {
    const told = await readFile(log as string, 'latin1');
    assert.match(told, /statement: .*chroma_migration/s);
    assertNone(told, "The server's log");
  });

  it('are in no file that is left elsewhere', async () => {
    const left = (await readdir(temporary, { recursive: true, withFileTypes: true })).filter((one) =>
      one.isFile(),
    );
    for (const { parentPath, name } of left)
      assertNone(await readFile(join(parentPath, name), 'latin1'), `${parentPath}/${name}`);
  });

  it('are not shown by ps', () => {
    assert.ok(
      [...commandLines].some((line) => line.includes('environment-process')),
      'functions were seen',
    );
    for (const line of commandLines) assertNone(line, 'A command line');
  });
});

/** Arguments of a process and of all that it has started, each with NUL at its end. */
function commandLinesOf(root: number): string[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) && read(`/proc/${name}/stat`);
    // The name in brackets may hold anything; state and parent follow it.
    if (stat) parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')')).split(' ')[2]));
  }
  const isOurs = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === root || isOurs(parents.get(pid)));
  return [...parents.keys()].filter(isOurs).map((pid) => read(`/proc/${pid}/cmdline`));
}

/** Empty if the process is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
