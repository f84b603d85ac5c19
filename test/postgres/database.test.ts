import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import type { MigrationError } from '../../src/errors.ts';
import {
  ExtensionMissing,
  InvalidInput,
  TargetBusy,
  TargetFull,
  TargetRefused,
  TargetUnavailable,
} from '../../src/errors.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import { toMigrationError } from '../../src/postgres/errors.ts';
import { startTarget, type TestTarget } from './target-run.ts';

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());

/** The error of a connection with a changed address. Holds that no password is ever in it. */
async function refusal(change: (url: URL) => void): Promise<MigrationError> {
  const url = new URL(target.url);
  change(url);
  const secrets = [url.password, decodeURIComponent(url.password), new URL(target.url).password];
  const error = await openDatabase({ url: url.href })
    .withClient('test', (client) => client.query('select 1'))
    .then(
      () => assert.fail('the connection was accepted'),
      (refused: MigrationError) => refused,
    );
  for (const secret of secrets.filter(Boolean)) assert.ok(!error.message.includes(secret), error.message);
  return error;
}

test('a wrong password is named as such, with the user and without the password', async () => {
  const error = await refusal((url) => {
    url.password = 'no-such-password';
  });
  assert.ok(error instanceof TargetRefused);
  const { hostname, port, pathname, username } = new URL(target.url);
  assert.equal(
    error.message,
    `Postgres at ${hostname}:${port}${pathname} refused the password of user "${username}": check user and password in --target.`,
  );
});

test('JSON that a bad line garbled is named as that, and worth a retry', async () => {
  const { hostname, port } = new URL(target.url);
  const garbling = createServer((client) => {
    const server = connect(Number(port), hostname).on('error', () => client.destroy());
    server.on('data', (bytes) =>
      client.write(Buffer.from(bytes.toString('latin1').replace('{"a": 1}', '1"a": 1}'), 'latin1')),
    );
    client.on('error', () => server.destroy()).pipe(server);
  }).listen(0, '127.0.0.1');
  await once(garbling, 'listening');
  const url = new URL(target.url);
  url.port = String((garbling.address() as AddressInfo).port);
  const database = openDatabase({ url: url.href });
  try {
    for (const type of ['json', 'jsonb'])
      await assert.rejects(
        database.withClient('test', (client) => client.query(`select '{"a": 1}'::${type} as value`)),
        (error) =>
          error instanceof TargetUnavailable &&
          /^Postgres at \S+ sent JSON that is none, .+: run again/.test(error.message),
      );
  } finally {
    garbling.close();
  }
});

test('a server that is not there is worth a retry', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  const error = await refusal((url) => {
    url.port = String(port);
  });
  assert.ok(error instanceof TargetUnavailable);
  assert.match(error.message, /connection refused/);
});

test('a server that hangs up is worth a retry', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined).destroy()).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const error = await refusal((url) => {
    url.port = String((server.address() as AddressInfo).port);
  });
  server.close();
  assert.ok(error instanceof TargetUnavailable, String(error));
});

test('a server without TLS is refused where the address asks for TLS, and the remedy is named', async () => {
  for (const mode of ['prefer', 'require', 'verify-ca', 'verify-full']) {
    const error = await refusal((url) => url.searchParams.set('sslmode', mode));
    assert.ok(error instanceof TargetRefused, mode);
    assert.match(error.message, /sslmode=disable/);
  }
});

test('an sslmode that nobody knows is a mistake of the address', () => {
  assert.throws(() => openDatabase({ url: 'postgres://user@host/db?sslmode=maybe' }), InvalidInput);
});

test("each kind of Postgres' refusals has the name by which the state machine knows it", () => {
  for (const [code, message, type] of [
    ['3D000', 'database "x" does not exist', TargetRefused],
    ['28000', 'no pg_hba.conf entry for host', TargetRefused],
    ['42501', 'permission denied for schema docs', TargetRefused],
    ['25006', 'cannot execute CREATE TABLE in a read-only transaction', TargetRefused],
    ['53300', 'sorry, too many clients already', TargetUnavailable],
    ['53200', 'out of shared memory', TargetUnavailable],
    ['57P01', 'terminating connection due to administrator command', TargetUnavailable],
    ['57P02', 'terminating connection because of crash of another server process', TargetUnavailable],
    ['57P03', 'the database system is starting up', TargetUnavailable],
    ['08006', 'connection failure', TargetUnavailable],
    ['ECONNRESET', 'read ECONNRESET', TargetUnavailable],
    ['ETIMEDOUT', 'connect ETIMEDOUT', TargetUnavailable],
    ['', 'Connection terminated unexpectedly', TargetUnavailable],
    ['', 'timeout expired', TargetUnavailable],
    ['40001', 'could not serialize access', TargetBusy],
    ['40P01', 'deadlock detected', TargetBusy],
    ['55P03', 'canceling statement due to lock timeout', TargetBusy],
    ['22021', 'invalid byte sequence for encoding "UTF8": 0xff', TargetUnavailable],
    ['22P03', 'incorrect binary data format', TargetUnavailable],
    ['23505', 'duplicate key value violates unique constraint "pg_namespace_nspname_index"', TargetBusy],
    ['42P01', 'relation "docs__incoming.documents" does not exist', TargetBusy],
    ['3F000', 'schema "docs__incoming" does not exist', TargetBusy],
    ['53100', 'could not extend file "base/1/2": No space left on device', TargetFull],
    ['58030', 'could not write to file "pg_wal/x": No space left on device', TargetFull],
    [
      '53100',
      'could not resize shared memory segment "/PostgreSQL.27" to 9 bytes: No space left',
      TargetFull,
    ],
    ['42704', 'type "vector" does not exist', ExtensionMissing],
    ['58P01', 'could not open extension control file "/usr/share/vector.control"', ExtensionMissing],
    ['0A000', 'extension "vector" is not available', ExtensionMissing],
  ] as const) {
    const named = toMigrationError(Object.assign(new Error(message), { code }), 'host:5432/db', 'app');
    assert.ok(named instanceof type, `${code} ${message} became ${named}`);
    // One sentence: what, where, and what to do after the colon.
    assert.match(named.message, /^Postgres at host:5432\/db .+: .+\.$/);
  }
});

test('an error that ended the connection is that of a server which is away for a while', () => {
  const error = { code: 'XX000', severity: 'FATAL', message: 'could not write init file' };
  const named = toMigrationError(Object.assign(new Error(error.message), error), 'host:5432/db', 'app');
  assert.ok(named instanceof TargetUnavailable);
  assert.match(named.message, /could not write init file/);
});

test('an error that no remedy is known for stays what it is', () => {
  const error = Object.assign(new Error('division by zero'), { code: '22012' });
  assert.equal(toMigrationError(error, 'host:5432/db', 'app'), error);
});

test('a connection says in pg_stat_activity what it is for, and a transaction that fails leaves nothing', async () => {
  if (!target.isEmbedded)
    assert.deepEqual(
      await target.rows('select application_name as name from pg_stat_activity where pid = pg_backend_pid()'),
      [{ name: 'chroma-to-pgvector test' }],
    );
  await assert.rejects(
    target.database.withClient('test', async (client) => {
      await client.query('begin; create table left_behind ()');
      throw new Error('midway');
    }),
    /midway/,
  );
  assert.deepEqual(await target.rows(`select to_regclass('left_behind') as relation`), [{ relation: null }]);
});
