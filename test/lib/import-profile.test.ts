import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Match } from 'aws-cdk-lib/assertions';
import type pg from 'pg';
import { chooseImportProfile, IMPORT_SETTINGS, importSettings } from '../../lambdas/import-profile.ts';
import { importProfileKey, restoreProfile } from '../../lambdas/restore-profile.ts';
import { STATIC_PARAMETERS } from '../../lib/vector-database.ts';
import type { ParameterSetting, Plan } from '../../src/contract.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import { prepareDatabase } from '../../src/postgres/prepare-database.ts';
import type { ParameterReport } from '../../src/report/report.ts';
import { openStore } from '../../src/store/open-store.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { samplePlan } from '../tune/sample-plan.ts';
import { ALTERNATIVES, alternative } from './alternatives.ts';

const GIB = 1024 ** 3;
const silent = { info: () => undefined, warn: () => undefined };

describe('the import profile', () => {
  const current = new Map([
    ['max_wal_size', { setting: '2048', unit: 'MB', context: 'sighup' }],
    ['checkpoint_timeout', { setting: '300', unit: 's', context: 'sighup' }],
    ['checkpoint_completion_target', { setting: '0.9', unit: null, context: 'sighup' }],
  ]);
  const walMib = (writtenBytes: number, storageGib: number) => {
    const settings = importSettings({ writtenBytes, storageBytes: storageGib * GIB, current });
    return Number(settings.find(({ name }) => name === 'max_wal_size')?.newValue ?? 2048);
  };

  it('never lets WAL take more than a tenth of the disk, and never less than it may now', () => {
    for (let storageGib = 20; storageGib <= 65_536; storageGib *= 1.5)
      for (let written = 1; written < 1e15; written *= 10) {
        const mib = walMib(written, storageGib);
        assert.ok(mib >= 2048);
        if (mib > 2048)
          assert.ok(mib <= (storageGib * 1024) / 10 && mib <= 32 * 1024, `${storageGib} ${mib}`);
      }
  });

  it('has room for all that is written where the disk has', () => {
    assert.equal(walMib(5 * GIB, 1000), Math.floor((5 * 1024 * 1.9) / 64) * 64);
  });

  it('changes nothing that is high enough already', () => {
    const high = new Map([
      ['max_wal_size', { setting: '65536', unit: 'MB', context: 'sighup' }],
      ['checkpoint_timeout', { setting: '3600', unit: 's', context: 'sighup' }],
    ]);
    assert.deepEqual(importSettings({ writtenBytes: 1e12, storageBytes: 1e12, current: high }), []);
  });

  it('says of every setting what it was, and may set those only that it names', () => {
    const settings = importSettings({ writtenBytes: 1e12, storageBytes: 1e12, current });
    assert.deepEqual(
      settings.map(({ name }) => name),
      IMPORT_SETTINGS,
    );
    assert.deepEqual(
      settings.map((setting: ParameterReport) => setting.oldValue),
      ['2048', '300'],
    );
  });

  it('shares no key with what the stack owns, which a deployment would set again', () => {
    for (const key of IMPORT_SETTINGS) assert.ok(!(key in STATIC_PARAMETERS), key);
  });
});

const server = process.env.DATABASE_URL;

describe('the import profile on a server', { skip: !server && 'DATABASE_URL names no server' }, () => {
  let postgres: TestPostgres;
  const plan = (run: string): Plan => samplePlan(run, { tune: 'apply' });
  before(async () => {
    postgres = await startTestPostgres();
  });
  after(() => postgres.stop());

  it('is chosen with the old values, which the ledger has once, however often it is asked for', async () => {
    const database = openDatabase({ url: postgres.url });
    await prepareDatabase(database, { ...plan('one'), collections: [] }, silent);
    const first = await chooseImportProfile(database, plan('one'));
    assert.deepEqual(await chooseImportProfile(database, plan('one')), first);
    const names = (batches: ParameterSetting[][]) => batches.flat().map((setting) => setting.ParameterName);
    assert.ok(names(first.batches).includes('checkpoint_timeout'));
    assert.deepEqual(names(first.restore), names(first.batches));
    const noted = await database.withClient('test', (client: pg.Client) =>
      client.query(`select name, old_value from chroma_migration.parameter_changes where run = 'one'`),
    );
    assert.equal(noted.rowCount, first.batches.flat().length);
    for (const { ParameterName, ParameterValue } of first.restore.flat())
      assert.equal(noted.rows.find(({ name }) => name === ParameterName).old_value, ParameterValue);
  });
});

describe('the end of an execution that failed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'profile-'));
  after(() => rmSync(folder, { recursive: true }));
  const store = await openStore(folder);
  const batch = (value: string): ParameterSetting[] => [
    { ParameterName: 'max_wal_size', ParameterValue: value, ApplyMethod: 'immediate' },
  ];
  const restored = async (detail: object) => {
    const calls: ParameterSetting[][] = [];
    const modify = async (settings: ParameterSetting[]) => void calls.push(settings);
    await restoreProfile({ store, log: silent, modify }, { detail: { status: 'FAILED', ...detail } });
    return calls;
  };
  before(async () => {
    for (const run of ['nightly', 'execution-1'])
      await store.writeText(
        importProfileKey(run),
        JSON.stringify({ run, batches: [batch('9')], restore: [batch(run), batch('b')] }),
      );
  });

  it('sets the old values of its run, which the input names, or else the execution', async () => {
    assert.deepEqual(await restored({ name: 'x', input: '{"run":"nightly"}' }), [
      batch('nightly'),
      batch('b'),
    ]);
    for (const input of ['{}', null])
      assert.deepEqual(await restored({ name: 'execution-1', input }), [batch('execution-1'), batch('b')]);
  });

  it('sets nothing for a run that never came to the profile, or whose name is none', async () => {
    for (const run of ['early', '../nightly', 7, 'x'.repeat(80)])
      assert.deepEqual(await restored({ name: 'x', input: JSON.stringify({ run }) }), []);
  });

  for (const name of ALTERNATIVES)
    it(`is heard of failures, time-outs and aborts of the machine itself, where there is a profile: ${name}`, () => {
      const { template } = alternative(name);
      const tunable = name !== 'existing RDS' && name !== 'existing Aurora';
      const rules = template.findResources('AWS::Events::Rule', {
        Properties: {
          EventPattern: {
            detail: {
              status: ['FAILED', 'TIMED_OUT', 'ABORTED'],
              stateMachineArn: [{ Ref: Match.stringLikeRegexp('^WorkflowStateMachine') }],
            },
          },
          Targets: [{ Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^ImportProfileRestoration'), 'Arn'] } }],
        },
      });
      assert.equal(Object.keys(rules).length, tunable ? 1 : 0);
    });
});
