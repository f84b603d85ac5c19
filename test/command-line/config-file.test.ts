import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseOptions, UsageError } from '../../local/command-line/options.ts';
import { migrate } from '../../local/commands/migrate.ts';
import { verify } from '../../local/commands/verify.ts';
import { configured } from '../../local/config-file/configured.ts';
import { readConfig } from '../../local/config-file/read-config.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

/** The guide's, step 4. */
const PRODUCTION = `# config/production.yaml
database:
  type: postgresql
  connection:
    host: localhost
    port: 5432
    database: signalhub
    user: postgres
    password: \${POSTGRES_PASSWORD}
    sslmode: require
  pool:
    min_size: 5
    max_size: 20
    timeout: 30
`;

async function written(text: string): Promise<string> {
  const path = join(await temporaryFolder('config-'), 'production.yaml');
  await writeFile(path, text);
  return path;
}

function mistakesOf(path: string, environment = {}): string[] {
  try {
    readConfig(path, environment);
  } catch (error) {
    if (error instanceof UsageError) return error.mistakes.map((one) => one.replace(path, 'FILE'));
    throw error;
  }
  return [];
}

describe('the configuration file', () => {
  it("is the guide's as it stands, with the variable of the environment in it", async () => {
    const { target, fields } = readConfig(await written(PRODUCTION), { POSTGRES_PASSWORD: 'p@ss/#' });
    assert.equal(target, 'postgres://postgres:p%40ss%2F%23@localhost:5432/signalhub?sslmode=require');
    assert.deepEqual(fields.database?.pool, { min_size: 5, max_size: 20, timeout: 30 });
  });

  it('names unknown keys, missing variables, bad and missing values at once, each with its place', async () => {
    const path = await written(
      PRODUCTION.replace('    host: localhost\n', '')
        .replace('port: 5432', 'prot: 5432')
        .replace('sslmode: require', 'sslmode: maybe')
        .replace('max_size: 20', 'max_size: many')
        .concat('storage:\n  vector_store: oracle\nservre: {}\n'),
    );
    assert.deepEqual(mistakesOf(path), [
      'FILE:4:3: database.connection.host is missing',
      'FILE:5:5: there is no database.connection.prot: did you mean port?',
      'FILE:8:15: the variable POSTGRES_PASSWORD is not set: export POSTGRES_PASSWORD=…',
      'FILE:9:14: database.connection.sslmode must be one of disable, prefer, require, verify-ca, verify-full',
      'FILE:12:15: database.pool.max_size must be a whole number from 1 to 10000',
      'FILE:15:17: storage.vector_store must be one of postgresql, chromadb',
      'FILE:16:1: there is no servre: there are database, storage, chromadb',
    ]);
  });

  it('takes numbers from variables, and says where it is no YAML', async () => {
    const path = await written(PRODUCTION.replace('5432', `"\${PORT}"`));
    const { target } = readConfig(path, { POSTGRES_PASSWORD: 'x', PORT: '6543' });
    assert.match(target as string, /localhost:6543/);
    const broken = await written('database:\n  type: [postgresql\n');
    assert.match(mistakesOf(broken)[0] as string, /^FILE:3:1: is no YAML/);
  });

  it('repeats no value that may be secret', async () => {
    const path = await written(PRODUCTION.replace(/\$\{.*\}/, '[hunter2]'));
    const said = mistakesOf(path).join();
    assert.match(said, /password must be text/);
    assert.doesNotMatch(said, /hunter2/);
  });

  it('stands in the place of --target and --source, which go before it', async () => {
    const path = await written(`${PRODUCTION}chromadb:\n  url: http://chroma:8000\n`);
    process.env.POSTGRES_PASSWORD = 'x';
    try {
      const given = (...args: string[]) =>
        configured(migrate.options, parseOptions(migrate.options, ['--config', path, ...args]));
      assert.equal(given().source, 'http://chroma:8000');
      assert.equal(new URL(given().target as string).pathname, '/signalhub');
      // The guide's words.
      assert.equal(given('--target', 'postgresql').target, given().target);
      assert.equal(given('--source', 'chromadb').source, given().source);
      assert.equal(given('--source', 'http://other:1').source, 'http://other:1');
    } finally {
      delete process.env.POSTGRES_PASSWORD;
    }
  });

  it('says what is in neither', async () => {
    const path = await written('storage: {vector_store: chromadb}\n');
    assert.throws(
      () => configured(verify.options, parseOptions(verify.options, ['--config', path])),
      (error) =>
        error instanceof UsageError &&
        error.mistakes.length === 2 &&
        error.mistakes.every((one) =>
          /^--(source|target) is missing, and .*production.yaml has no /.test(one),
        ),
    );
  });
});
