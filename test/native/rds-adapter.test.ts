/** Parameters that the state machine sets through RDS, set on a server of one's own. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresRdsAdapter } from '../../local/rds-adapter.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import { holdServerSettings } from '../fixtures/postgres.ts';

const database = openDatabase({ url: process.env.DATABASE_URL as string });
const adapter = new PostgresRdsAdapter(database);

const setting = (ParameterName: string, ParameterValue: string, ApplyMethod = 'immediate') => ({
  ParameterName,
  ParameterValue,
  ApplyMethod,
});
const modify = (...Parameters: object[]) =>
  adapter.call('modifyDBParameterGroup', { DbParameterGroupName: 'group', Parameters: Parameters as never });

const query = <Row extends object>(sql: string) =>
  database.withClient('test', async (client) => (await client.query<Row>(sql)).rows);
const fileSettings = () =>
  query<{ name: string; setting: string }>(
    "select name, setting from pg_file_settings where sourcefile like '%postgresql.auto.conf' order by name",
  );

describe('modifyDBParameterGroup on a native server', () => {
  let release: () => Promise<void>;
  before(async () => {
    release = await holdServerSettings();
  });
  after(async () => {
    for (const name of ['work_mem', 'shared_buffers', 'checkpoint_completion_target', 'synchronous_commit'])
      await query(`alter system reset ${name}`);
    await query('select pg_reload_conf()');
    await release();
  });

  it('takes plain numbers in the server’s own unit and puts them into force', async () => {
    await modify(setting('work_mem', '65536'), setting('checkpoint_completion_target', '0.8'));
    for (let tries = 0; tries < 500; tries++) {
      const [row] = await query<{ work_mem: string }>('show work_mem');
      if (row?.work_mem === '64MB') break;
      await sleep(20);
    }
    assert.deepEqual(await query('show work_mem'), [{ work_mem: '64MB' }]);
  });

  it('keeps what needs a restart for the next one', async () => {
    await modify(setting('shared_buffers', '20480', 'pending-reboot'));
    const shared = (await fileSettings()).find(({ name }) => name === 'shared_buffers');
    assert.equal(shared?.setting, '20480');
  });

  for (const [what, name, value] of [
    ['a parameter that is not there', 'no_such_parameter', '1'],
    ['a parameter of the build', 'block_size', '8192'],
    ['a number beyond its range', 'work_mem', '1'],
    ['a unit written out, as RDS does', 'work_mem', '64MB'],
    ['a word that is none of its words', 'synchronous_commit', 'perhaps'],
    ['a value that would end the statement', 'work_mem', "65536'; drop table x; --"],
    ['a name that would end the statement', 'work_mem = 1; drop table x; --', '1'],
  ] as const)
    it(`refuses ${what}, and changes nothing else of the call either`, async () => {
      const before = await fileSettings();
      await assert.rejects(modify(setting('synchronous_commit', 'off'), setting(name, value)), {
        error: 'Rds.InvalidParameterValueException',
      });
      assert.deepEqual(await fileSettings(), before);
    });

  it('says who may change parameters if this user may not', async () => {
    await query("create role tuned_by_nobody login password 'tuned'");
    try {
      const url = new URL(process.env.DATABASE_URL as string);
      url.username = 'tuned_by_nobody';
      url.password = 'tuned';
      const weak = new PostgresRdsAdapter(openDatabase({ url: url.href }));
      await assert.rejects(
        weak.call('modifyDBParameterGroup', { Parameters: [setting('work_mem', '65536')] }),
        { error: 'Rds.AccessDeniedException', cause: /connect as a superuser/ },
      );
    } finally {
      await query('drop role tuned_by_nobody');
    }
  });
});

describe('describeDBInstances on a native server', () => {
  it('says that the server is available, and its version', async () => {
    const { DbInstances } = (await adapter.call('describeDBInstances', {})) as {
      DbInstances: { DbInstanceStatus: string; EngineVersion: string }[];
    };
    const [{ server_version }] = (await query<{ server_version: string }>('show server_version')) as [
      { server_version: string },
    ];
    assert.deepEqual(
      DbInstances.map(({ DbInstanceStatus, EngineVersion }) => [DbInstanceStatus, EngineVersion]),
      [['available', server_version]],
    );
  });
});
