/** The embedded Postgres as its clients see it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { startTestEmbeddedPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { cut, withClient } from './clients.ts';

let server: TestPostgres;
before(async () => {
  server = await startTestEmbeddedPostgres();
  await withClient(server, async (client) => {
    await client.query('create extension vector; create table kept (value int primary key)');
  });
});
after(() => server.stop());

const kept = () =>
  withClient(server, async (client) =>
    (await client.query('select value from kept order by value')).rows.map(({ value }) => value),
  );
const show = async (client: pg.Client, name: string) =>
  (await client.query('select current_setting($1) as value', [name])).rows[0].value;

describe('the door', () => {
  it('opens to the password alone', async () => {
    const url = new URL(server.url);
    url.password = 'guessed';
    await assert.rejects(new pg.Client(url.href).connect(), { code: '28P01' });
    url.password = '';
    await assert.rejects(new pg.Client({ connectionString: url.href, password: '' }).connect(), {
      code: '28P01',
    });
  });

  it('is on this machine only', () => assert.equal(new URL(server.url).hostname, '127.0.0.1'));

  it('says which database it has not got', async () => {
    await assert.rejects(new pg.Client(server.url.replace(/postgres$/, 'other')).connect(), {
      code: '3D000',
    });
  });

  it('stays open after noise, requests for encryption and cancellations', async () => {
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from([0, 0, 0, 8, 4, 210, 22, 46, 0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 2]),
      Buffer.from([0xff, 0xff, 0xff, 0xff]),
      Buffer.from([0, 0, 0, 9, 4, 210, 22, 47]),
    ]) {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => undefined);
      socket.resume().end(bytes);
      await once(socket, 'close');
    }
    await kept();
  });

  it('answers requests for encryption with no, as psql expects', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.equal(answer.toString(), 'N');
    socket.destroy();
  });
});

describe('statements', () => {
  it('bring their results in both protocols', async () => {
    await withClient(server, async (client) => {
      assert.deepEqual((await client.query("select '[1,2]'::vector::text as v, null as n")).rows, [
        { v: '[1,2]', n: null },
      ]);
      assert.deepEqual((await client.query('select $1::int + 1 as sum', [41])).rows, [{ sum: 42 }]);
      await assert.rejects(client.query('select $1::int / 0', [1]), { code: '22012' });
      assert.deepEqual((await client.query('select 1 as one')).rows, [{ one: 1 }]);
    });
  });

  it('bring a result of 100 MB whole', async () => {
    await withClient(server, async (client) => {
      const { rows } = await client.query(
        "select i, repeat('x', 10000) as x from generate_series(1, 10000) i",
      );
      assert.equal(rows.length, 10_000);
      assert.ok(rows.every(({ i, x }, at) => i === at + 1 && x.length === 10_000));
    });
  });

  it('of 20 clients at once are all answered, to the client that asked', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, number) =>
        withClient(server, async (client) => {
          for (let round = 0; round < 20; round++) {
            const { rows } = await client.query('select $1::int as number, $2::int as round', [
              number,
              round,
            ]);
            assert.deepEqual(rows, [{ number, round }]);
          }
        }),
      ),
    );
  });

  it('that are fetched in portions are not mixed with those of others between the portions', async () => {
    await withClient(server, async (client) => {
      const fetched = client.query({
        text: 'select i from generate_series(1, $1) i',
        values: [10],
        rows: 3,
      } as pg.QueryConfig);
      const others = Promise.all([kept(), kept(), kept()]);
      assert.deepEqual(
        (await fetched).rows.map(({ i }) => i),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      );
      await others;
    });
  });

  it('prepared under one name by two clients stay each its own', async () => {
    await withClient(server, (one) =>
      withClient(server, async (other) => {
        const ask = async (client: pg.Client, text: string) =>
          (await client.query({ name: 'same', text, values: [2] })).rows[0].value;
        assert.equal(await ask(one, 'select $1::int * 10 as value'), 20);
        assert.equal(await ask(other, 'select $1::int * 100 as value'), 200);
        assert.equal(await ask(one, 'select $1::int * 10 as value'), 20);
      }),
    );
    const standing = await withClient(server, (client) =>
      client.query('select name from pg_prepared_statements'),
    );
    assert.deepEqual(standing.rows, []);
  });
});

describe('a transaction', () => {
  it('is not seen by others before it is committed, and they wait for it', async () => {
    await withClient(server, (writer) =>
      withClient(server, async (reader) => {
        await writer.query('begin');
        await writer.query('insert into kept values (1)');
        let isRead = false;
        const read = reader.query('select count(*)::int from kept').finally(() => {
          isRead = true;
        });
        await writer.query('insert into kept values (2)');
        assert.equal(isRead, false);
        await writer.query('commit');
        assert.equal((await read).rows[0].count, 2);
      }),
    );
    await withClient(server, (client) => client.query('truncate kept'));
  });

  it('that failed stays failed until its end, and keeps nothing', async () => {
    await withClient(server, async (client) => {
      await client.query('begin; insert into kept values (3)');
      await assert.rejects(client.query('select nothing'), { code: '42703' });
      await assert.rejects(client.query('select 1'), { code: '25P02' });
      await client.query('commit');
    });
    assert.deepEqual(await kept(), []);
  });

  it('whose client goes away keeps nothing and lets the others work', async () => {
    await withClient(server, async (client) => {
      await client.query('begin');
      await client.query('insert into kept values ($1)', [4]);
      cut(client);
      assert.deepEqual(await kept(), []);
    });
  });

  it('side by side with many others adds up', async () => {
    await withClient(server, (client) => client.query('create table counter as select 0 as value'));
    await Promise.all(
      Array.from({ length: 10 }, () =>
        withClient(server, async (client) => {
          for (let round = 0; round < 5; round++) {
            await client.query('begin');
            const { rows } = await client.query('select value from counter');
            await client.query('update counter set value = $1', [rows[0].value + 1]);
            await client.query('commit');
          }
        }),
      ),
    );
    const { rows } = await withClient(server, (client) => client.query('select value from counter'));
    assert.deepEqual(rows, [{ value: 50 }]);
  });
});

describe('what a connection sets for itself', () => {
  it('is its own, and ends with it', async () => {
    const standard = await withClient(server, (client) => show(client, 'work_mem'));
    await withClient(server, (one) =>
      withClient(server, async (other) => {
        await one.query("set work_mem = '7MB'");
        await one.query("set search_path = pg_catalog, 'odd''name'");
        await other.query("select set_config('work_mem', '9MB', false)");
        assert.equal(await show(one, 'work_mem'), '7MB');
        assert.equal(await show(other, 'work_mem'), '9MB');
        assert.match(await show(one, 'search_path'), /odd'name/);
        assert.doesNotMatch(await show(other, 'search_path'), /odd'name/);
      }),
    );
    assert.equal(await withClient(server, (client) => show(client, 'work_mem')), standard);
  });

  it('is named at the start, application_name and options included', async () => {
    const config = { application_name: "it's me", options: '-c work_mem=5MB --maintenance-work-mem=6MB' };
    await withClient(
      server,
      async (client) => {
        await kept();
        assert.equal(await show(client, 'application_name'), "it's me");
        assert.equal(await show(client, 'work_mem'), '5MB');
        assert.equal(await show(client, 'maintenance_work_mem'), '6MB');
      },
      config,
    );
  });

  it('is refused where there is no such setting', async () => {
    const client = new pg.Client({ connectionString: server.url, options: '-c nothing=1' });
    client.on('error', () => undefined);
    await client.connect();
    await assert.rejects(client.query('select 1'), { code: '42704' });
    await kept();
  });

  it('goes with the last connection, temporary tables and advisory locks too', async () => {
    await withClient(server, async (client) => {
      await client.query('create temporary table passing (a int); select pg_advisory_lock(1)');
    });
    await withClient(server, async (client) => {
      const { rows } = await client.query(
        `select to_regclass('passing') as passing, (select count(*)::int from pg_locks where locktype = 'advisory') as locks`,
      );
      assert.deepEqual(rows, [{ passing: null, locks: 0 }]);
    });
  });
});
