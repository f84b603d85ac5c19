/** RDS's calls where there is no RDS. On a native server: test/native/rds-adapter.test.ts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startEmbeddedPostgres } from '../../local/embedded-postgres/start.ts';
import { PostgresRdsAdapter } from '../../local/rds-adapter.ts';
import { openDatabase } from '../../src/postgres/database.ts';

const setting = (ParameterName: string, ParameterValue: string) => ({
  ParameterName,
  ParameterValue,
  ApplyMethod: 'immediate',
});
/** No call of these tests may get as far as a connection. */
const nowhere = {
  withClient: () => assert.fail('it connected'),
};

describe('The RDS adapter', () => {
  it('takes at most 20 parameters a call, as RDS does', async () => {
    const Parameters = Array.from({ length: 21 }, () => setting('work_mem', '4096'));
    await assert.rejects(new PostgresRdsAdapter(nowhere).call('modifyDBParameterGroup', { Parameters }), {
      error: 'Rds.InvalidParameterValueException',
      cause: 'One call takes at most 20 parameters, not 21.',
    });
  });

  it('never restarts somebody’s server, and says what to do', async () => {
    await assert.rejects(new PostgresRdsAdapter(nowhere).call('rebootDBInstance', {}), {
      error: 'RebootRefused',
      cause: /restart it yourself/,
    });
  });

  it('says what a server that is not there is called in Step Functions: an error that is retried', async () => {
    const adapter = new PostgresRdsAdapter(openDatabase({ url: 'postgres://user@127.0.0.1:1/db' }));
    await assert.rejects(adapter.call('describeDBInstances', {}), { error: 'Rds.SdkClientException' });
  });

  it('changes nothing on PGlite and says so', async (context) => {
    const server = await startEmbeddedPostgres({});
    context.after(() => server.stop());
    const database = openDatabase({ url: server.url });
    const show = () =>
      database.withClient('test', async (client) => (await client.query('show work_mem')).rows[0]);
    const before = await show();
    const Parameters = [setting('work_mem', '65536')];
    const answer = await new PostgresRdsAdapter(database).call('modifyDBParameterGroup', { Parameters });
    assert.deepEqual(answer, {
      Applied: false,
      Message: 'PGlite has no ALTER SYSTEM: no parameter was changed.',
    });
    assert.deepEqual(await show(), before);
  });
});
