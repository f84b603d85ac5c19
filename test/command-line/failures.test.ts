/** What bad input gets: one sentence that names the thing and what to do, an exit code, and nothing published. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { runCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { startTinyChroma, type TestServer } from './servers.ts';

/** Nobody listens there: the port is reserved. */
const NOBODY = '127.0.0.1:1';

interface Failure {
  args: string[];
  code: 1 | 2;
  says: RegExp;
  /** Name in the JSON object. */
  name: string;
}

describe('a migration that cannot be', () => {
  let chroma: TestChroma;
  let huge: TestServer;
  let postgres: TestPostgres;
  let folder: string;

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    huge = await startTinyChroma({ name: 'huge', dimension: 16_001 });
    await fillCollection(chroma.url, { name: 'docs', dimension: 8, records: 20 });
    await fillCollection(chroma.url, { name: 'more', dimension: 8, records: 20 });
    folder = await temporaryFolder('failures-');
    await writeFile(join(folder, 'file'), '');
    await sql(
      ...['create extension vector', 'create schema docs', 'create table docs.theirs (a int)'],
      ...[
        'create table public.documents (a int)',
        'create schema named',
        'create view named.embeddings as select 1 as a',
      ],
    );
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop(), huge?.stop()]));

  async function sql(...statements: string[]): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(postgres.url);
    await client.connect();
    try {
      const { rows } = [await client.query(statements.join(';'))].flat().at(-1)!;
      return rows;
    } finally {
      await client.end();
    }
  }

  const target = (change: (url: URL) => void) => {
    const url = new URL(postgres.url);
    change(url);
    return url.href;
  };

  const failures: Record<string, () => Partial<Failure>> = {
    'a Chroma server that is not there': () => ({
      args: ['--source', `http://${NOBODY}`],
      says: /^Chroma at http:\/\/127\.0\.0\.1:1 is not reachable \(connection refused\): check the address/,
      name: 'SourceUnavailable',
    }),
    'a Chroma server that speaks no TLS': () => ({
      args: ['--source', chroma.url.replace('http:', 'https:')],
      says: /it speaks no TLS/,
      name: 'SourceUnavailable',
    }),
    'something else in the place of Chroma': () => ({
      args: ['--source', `${chroma.url}/elsewhere`],
      says: /does not speak the API v2 \(404\)/,
      name: 'SourceRefused',
    }),
    'a Postgres server that is not there': () => ({
      args: ['--target', `postgres://u:p@${NOBODY}/db`],
      says: /^Postgres at 127\.0\.0\.1:1\/db is not reachable \(connection refused\)/,
      name: 'TargetUnavailable',
    }),
    'a wrong password': () => ({
      args: ['--target', target((url) => (url.password = 'wrong'))],
      says: /refused the password of user/,
      name: 'TargetRefused',
    }),
    'a Postgres server without TLS where it is demanded': () => ({
      args: ['--target', target((url) => (url.search = 'sslmode=require'))],
      says: /offers no TLS/,
      name: 'TargetRefused',
    }),
    'a collection that is not there': () => ({
      args: ['--collections', 'nix,docs'],
      says: /has no collection "nix": it has "docs", "more"/,
      name: 'CollectionNotFound',
    }),
    'more dimensions than a column holds': () => ({
      args: ['--source', huge.url, '--collections', 'huge'],
      says: /^Collection "huge" has 16001 dimensions and pgvector holds at most 16000/,
      name: 'DimensionTooLarge',
    }),
    "somebody else's tables in the collection's schema": () => ({
      args: ['--collections', 'docs'],
      says: /^Schema "docs" of .* holds .*"theirs" that is not from a migration/,
      name: 'SchemaOccupied',
    }),
    "somebody else's tables in public": () => ({
      args: ['--collections', 'more', '--schema', 'public'],
      says: /^Schema "public" of .* holds .*"documents"/,
      name: 'SchemaOccupied',
    }),
    "somebody else's tables in a schema that is named": () => ({
      args: ['--collections', 'more', '--schema', 'named'],
      says: /^Schema "named" of .* holds .*"embeddings"/,
      name: 'SchemaOccupied',
    }),
    'one schema for two collections': () => ({
      args: ['--collections', 'docs,more', '--schema', 'one'],
      code: 2,
      says: /^A schema can be named for exactly one collection, and 2 are asked for/,
      name: 'InvalidInput',
    }),
    'a file in the place of the store': () => ({
      args: ['--store', join(folder, 'file')],
      says: /cannot be written \(EEXIST\): a file stands in the way; choose another folder with --store/,
      name: 'StoreRefused',
    }),
    'a store below a file': () => ({
      args: ['--store', join(folder, 'file', 'store')],
      says: /cannot be written \(ENOTDIR\): a file stands in the way/,
      name: 'StoreRefused',
    }),
    "an unusable run's name": () => ({
      args: ['--run', '../up'],
      code: 2,
      says: /^--run is '\.\.\/up' and must be 1 to 63 letters/,
      name: 'UsageError',
    }),
  };

  describe('is told', { concurrency: 4 }, () => {
    for (const [what, failure] of Object.entries(failures))
      it(`of ${what}`, async () => {
        const { args = [], code = 1, says, name } = failure();
        const given = (option: string, value: string) => (args.includes(option) ? [] : [option, value]);
        const all = [
          ...['migrate', ...args, ...given('--source', chroma.url), ...given('--target', postgres.url)],
          ...[...given('--store', join(folder, 'store')), '--json', '--quiet'],
        ];
        const { stdout, stderr, code: ended } = await runCommand(all);
        const { status, error } = JSON.parse(stdout);
        assert.deepEqual([ended, status, error.name], [code, 'failed', name], stderr);
        assert.match(error.message, says!);
        assert.ok(stderr.includes(error.message), stderr);
        assert.doesNotMatch(stderr, /^ +at /m, 'no stack trace');
      });
  });

  it('has left the database as it was', async () => {
    const tables = await sql(
      `select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'v') and n.nspname !~ '^(pg_|information_schema|chroma_migration)' order by 1`,
    );
    assert.deepEqual(
      tables.map(({ name }) => name),
      ['docs.theirs', 'named.embeddings', 'public.documents'],
    );
  });

  it('names all that is not ready at once', async () => {
    const { stderr, code } = await runCommand([
      ...['migrate', '--source', `http://${NOBODY}`, '--target', `postgres://u:p@${NOBODY}/db`],
      ...['--store', join(folder, 'file')],
    ]);
    assert.equal(code, 1);
    assert.deepEqual(
      stderr
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0]),
      ['Chroma', 'Postgres', 'The'],
      stderr,
    );
  });

  it('leaves no part of an object in the store', async () => {
    if (!existsSync(join(folder, 'store'))) return;
    const left = await readdir(join(folder, 'store'), { recursive: true });
    assert.deepEqual(
      left.filter((name) => name.endsWith('.part') || name.includes('probe')),
      [],
    );
  });

  it('tells verify of a collection that was never migrated', async () => {
    const { stderr, code } = await runCommand([
      ...['verify', '--source', chroma.url, '--target', postgres.url, '--collections', 'more', '--quiet'],
    ]);
    assert.equal(code, 1);
    assert.match(stderr, /has no tables of "more" \(schema "more"\): migrate them first/);
  });

  it('tells rollback of a collection that was never migrated', async () => {
    const { stderr, code } = await runCommand(['rollback', '--target', postgres.url, '--collection', 'more']);
    assert.equal(code, 1);
    assert.match(stderr, /^Nothing named "more" was published to /);
  });
});

describe('the program', { concurrency: 4 }, () => {
  const cases: [string, string[], number, RegExp][] = [
    ['its version', ['--version'], 0, /^\d+\.\d+\.\d+\n$/],
    ['a command, asked by help COMMAND', ['help', 'migrate'], 0, /^chroma-to-pgvector migrate — /],
    ['a command, asked by --help', ['rollback', '--help'], 0, /^chroma-to-pgvector rollback — /],
    ['itself', ['--help'], 0, /^chroma-to-pgvector — /],
    ['the command that was meant', ['migrat'], 2, /^'migrat' is no command: did you mean migrate\?\n/],
    ['the command that was meant, in help', ['help', 'rolback'], 2, /did you mean rollback\?/],
    [
      'what is missing',
      ['migrate'],
      2,
      /^--source or --config is missing: .*\nTry chroma-to-pgvector migrate --help\.\n$/,
    ],
  ];
  for (const [what, args, code, says] of cases)
    it(`tells ${what}`, async () => {
      const { stdout, stderr, code: ended } = await runCommand(args);
      assert.equal(ended, code, stderr);
      assert.match(code === 0 ? stdout : stderr, says);
    });
});
