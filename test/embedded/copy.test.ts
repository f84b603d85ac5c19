/** COPY through the embedded Postgres, which is how shards arrive. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { after, before, beforeEach, it } from 'node:test';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { COPY_HEADER, COPY_TRAILER, CopyBuffer } from '../../src/copy/copy-buffer.ts';
import { ClusteredVectors } from '../fixtures/clustered-vectors.ts';
import { startTestEmbeddedPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { cut, withClient } from './clients.ts';

let server: TestPostgres;
before(async () => {
  server = await startTestEmbeddedPostgres();
  await withClient(server, (client) => client.query('create extension vector'));
});
beforeEach(() =>
  withClient(server, (client) =>
    client.query('drop table if exists t; create table t (id int primary key, e vector)'),
  ),
);
after(() => server.stop());

const BINARY = 'copy t from stdin (format binary)';
const load = (client: pg.Client, bytes: Iterable<Buffer> | AsyncIterable<Buffer>, sql = BINARY) =>
  pipeline(Readable.from(bytes), client.query(copyFrom(sql)));
const count = (): Promise<number> =>
  withClient(server, async (client) => (await client.query('select count(*)::int from t')).rows[0].count);

function* rows(dimension: number, records: number): Generator<Buffer> {
  const vectors = new ClusteredVectors({ seed: 7, dimension });
  yield COPY_HEADER;
  const rowsBuffer = new CopyBuffer();
  for (let index = 0; index < records; index++) {
    rowsBuffer.row(2);
    rowsBuffer.int32Field(index);
    rowsBuffer.vectorField(vectors.at(index));
    if (index % 100 === 99) yield rowsBuffer.take();
  }
  yield Buffer.concat([rowsBuffer.take(), COPY_TRAILER]);
}

it('binary vectors go in and come out bit by bit', async () => {
  const sent = Buffer.concat([...rows(1536, 3_000)]);
  await withClient(server, async (client) => {
    await load(client, rows(1536, 3_000));
    const received = await buffer(
      client.query(copyTo('copy (select * from t order by id) to stdout (format binary)')),
    );
    assert.equal(sent.compare(received), 0);
  });
});

it('an error in the data leaves nothing of them, and the connection goes on', async () => {
  await withClient(server, async (client) => {
    const broken = ['1\t[1]\n', '2\t[1,2', ']\n3\tno vector\n', '4\t[4]\n'].map((part) => Buffer.from(part));
    await assert.rejects(load(client, broken, 'copy t from stdin'), { code: '22P02' });
    assert.deepEqual((await client.query('select * from t')).rows, []);
    await load(client, [Buffer.from('5\t[5]\n')], 'copy t from stdin');
    assert.deepEqual((await client.query('select * from t')).rows, [{ id: 5, e: '[5]' }]);
  });
});

it('an error in a transaction fails the transaction, what came before it included', async () => {
  await withClient(server, async (client) => {
    await client.query('begin');
    await load(client, rows(3, 100));
    await assert.rejects(load(client, rows(3, 100)), { code: '23505' });
    await assert.rejects(load(client, rows(3, 1)), { code: '25P02' });
    await client.query('rollback');
  });
  assert.equal(await count(), 0);
});

it('a table that is not there is named', async () => {
  await withClient(server, async (client) => {
    await assert.rejects(load(client, rows(3, 1000), 'copy missing from stdin (format binary)'), {
      message: 'relation "missing" does not exist',
    });
    assert.equal((await client.query('select 1 as one')).rows[0].one, 1);
  });
});

it('a source that breaks off leaves nothing', async () => {
  await withClient(server, async (client) => {
    async function* breaking() {
      yield* rows(3, 200);
      throw new Error('the source broke off');
    }
    await assert.rejects(load(client, breaking()), /broke off/);
  });
  assert.equal(await count(), 0);
});

it('others are served while a client sends its data, and its transaction is its own', async () => {
  await withClient(server, async (client) => {
    const halves = [...rows(8, 1_000)];
    async function* slow() {
      yield* halves.slice(0, 5);
      // Outside of a transaction nobody has to wait for the rest.
      assert.equal(await count(), 0);
      yield* halves.slice(5);
    }
    await load(client, slow());
  });
  assert.equal(await count(), 1_000);
});

it('a client that is killed in the midst of its data leaves nothing and frees the others', async () => {
  const script = `
    import pg from 'pg';
    import { from } from 'pg-copy-streams';
    const client = new pg.Client(process.argv[1]);
    await client.connect();
    await client.query('begin');
    await client.query("insert into t values (0, '[0]')");
    const copy = client.query(from('copy t from stdin'));
    for (let i = 1; ; i++) {
      if (!copy.write(i + '\\t[' + i + ']\\n')) await new Promise((resolve) => copy.once('drain', resolve));
      if (i === 50_000) process.stdout.write('sent');
      if (i >= 50_000) await new Promise((resolve) => setTimeout(resolve, 10));
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, server.url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  assert.equal(await count(), 0);
});

it('a connection that is cut after the last byte, before the commit, leaves nothing', async () => {
  await withClient(server, async (client) => {
    await client.query('begin');
    await load(client, rows(3, 10));
    cut(client);
    assert.equal(await count(), 0);
  });
});

it('what would upset the session is refused with a sentence, and the connection goes on', async () => {
  await withClient(server, async (client) => {
    const refused = { code: '0A000', message: /only as a simple query of its own/ };
    await assert.rejects(client.query('select 1; copy t from stdin'), refused);
    await assert.rejects(client.query({ text: 'copy t from stdin', name: 'prepared' }), refused);
    assert.equal((await client.query('select 1 as one')).rows[0].one, 1);
  });
});
