/** The commands for AWS, against a Step Functions behind which the local runner really migrates. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import { readAssembly } from '../../local/assembly.ts';
import type { Look } from '../../local/aws/look.ts';
import { executionOutput } from '../../local/output/schemas.ts';
import { type ExecutionEvent, LocalExecution } from '../../local/run-execution.ts';
import { S3Store } from '../../src/store/s3-store.ts';
import { type AwsDouble, STATE_MACHINE_ARN, startAwsDouble } from '../fixtures/aws-double.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { collectionId } from '../fixtures/chroma-api.ts';
import { runCommand, startCommand } from '../fixtures/command-line.ts';
import { type Call, FaultyFunctions } from '../fixtures/faulty-functions.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { hastyClock } from '../fixtures/hasty-clock.ts';
import { assertArrived } from '../fixtures/oracle.ts';
import { assertPublished } from '../fixtures/output-schema.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

/** A few shards at the least size of one. */
const RECORDS = 600;

describe('a migration on AWS', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let s3: FauxqsServer;
  let aws: AwsDouble;
  let functions: FaultyFunctions;
  let calls: Call[] = [];
  let folder: string;
  /** Of the collection. */
  let shards: number;

  before(async () => {
    folder = await temporaryFolder('aws-');
    [chroma, postgres, s3] = await Promise.all([
      startTestChroma(),
      startTestPostgres(),
      startFauxqs({ port: 0, host: '127.0.0.1', logger: false }),
    ]);
    s3.createBucket('shards');
    await fillCollection(chroma.url, { name: 'docs', dimension: 64, records: RECORDS });
    const assembly = readAssembly(fileURLToPath(new URL('../../dist/assembly', import.meta.url)));
    functions = await FaultyFunctions.create(assembly, join(folder, 'functions'));
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const environment = {
      ...{ STORE_URL: 's3://shards', CHROMA_URL: chroma.url, DATABASE_URL: postgres.url },
      ...{ DATABASE_CA_FILE: '', AWS_ENDPOINT_URL_S3: s3.address, AWS_REGION: 'us-east-1' },
      ...{ AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
    };
    const config = { endpoint: s3.address, region: 'us-east-1', credentials, forcePathStyle: true };
    aws = await startAwsDouble({
      outputs: { StateMachineArn: STATE_MACHINE_ARN, StoreUrl: 's3://shards' },
      open: ({ onEvent, ...started }) =>
        new LocalExecution({
          ...{ ...started, assembly: functions.assembly, environment, clock: hastyClock },
          store: new S3Store('shards', '', config),
          rds: { call: async () => ({}) },
          onEvent(event: ExecutionEvent) {
            if (event.type === 'log' && event.fields.message === 'called')
              calls.push(event.fields as unknown as Call);
            onEvent(event);
          },
        }),
    });
  });
  after(async () => {
    await aws?.stop();
    await Promise.all([chroma?.stop(), postgres?.stop(), s3?.stop()]);
  });

  const starting = (...args: string[]) =>
    startCommand(args, { ...aws.environment, AWS_ENDPOINT_URL_S3: s3.address });
  const command = (...args: string[]) => starting(...args).finished;
  const small = ['--shard-bytes', '64k', '--concurrency', '2'];

  it('is started, followed with a bar of its shards, and reported', async () => {
    // A whole migration fits between two looks, so it waits for one.
    functions.set([{ step: 'import-shard', kind: 'waits' }]);
    const watching = starting('start', '--watch', '--run', 'first', ...small);
    watching.process.stderr?.on('data', (said) => {
      if (/^Migrating/m.test(said)) functions.set([]);
    });
    const started = await watching.finished;
    assert.equal(started.code, 0, started.stderr);
    assert.match(started.stdout, /^first: SUCCEEDED after /);
    shards = Number(/MigrateShards +(\d+) +\1 /.exec(started.stdout)?.[1]);
    assert.ok(shards > 4, started.stdout);
    assert.match(started.stderr, /^Migrating/m);
    await assertArrivedOnce();

    const file = join(folder, 'first.html');
    const report = await command('report', '--output', file, '--json');
    assert.equal(report.code, 0, report.stderr);
    const { run, status, collections } = JSON.parse(report.stdout);
    assert.deepEqual([run, status, collections[0].loaded], ['first', 'succeeded', RECORDS]);
    assert.match(await readFile(file, 'utf8'), /^<!doctype html>/i);
  });

  it('opens its report as a double click would', async () => {
    const bin = join(folder, 'bin');
    await mkdir(bin);
    const opened = join(folder, 'opened');
    await writeFile(
      join(bin, 'xdg-open'),
      `#!/bin/sh\necho "$1" > ${opened}.new && mv ${opened}.new ${opened}\n`,
    );
    await chmod(join(bin, 'xdg-open'), 0o755);
    const file = join(folder, 'second.html');
    const env = { ...aws.environment, AWS_ENDPOINT_URL_S3: s3.address, PATH: `${bin}:${process.env.PATH}` };
    const { code, stderr } = await runCommand(['report', '--open', '--output', file], env);
    assert.equal(code, 0, stderr);
    await until(async () => (await readFile(opened, 'utf8').catch(() => '')).trim() === file);
  });

  it('that failed says why, and a redrive runs the failed shard and no other', async () => {
    const refuses = { step: 'import-shard', kind: 'refuses', number: 3 } as const;
    functions.set([{ step: 'plan', kind: 'waits' }, refuses]);
    calls = [];
    const started = await command('start', '--run', 'second', '--json', ...small);
    assert.equal(started.code, 0, started.stderr);
    const { execution, status } = JSON.parse(started.stdout) as Look;
    assert.equal(status, 'RUNNING');
    functions.set([refuses]);

    const watched = await command('watch', '--execution', execution);
    assert.equal(watched.code, 1);
    assert.match(watched.stdout, /^second: FAILED after .*, in MigrateUnfinishedShards$/m);
    assert.match(watched.stdout, new RegExp(`MigrateShards +${shards} +${shards - 1} +0 +1 `));
    assert.match(watched.stdout, /chroma-to-pgvector redrive/);
    assert.equal(watched.stderr.trim().split('\n').at(-1), 'Broken: broken on purpose');

    const last = await command('status', '--json');
    assert.equal(last.code, 1);
    const look = JSON.parse(last.stdout) as Look;
    assertPublished(executionOutput, look);
    assert.deepEqual(
      [look.run, look.status, look.redrivable, look.error?.name],
      ['second', 'FAILED', true, 'Broken'],
    );

    functions.set([]);
    calls = [];
    const redriven = await command('redrive', '--watch');
    assert.equal(redriven.code, 0, redriven.stderr);
    assert.match(redriven.stdout, /^second: SUCCEEDED after .*, redriven once$/m);
    const moved = calls.filter(({ step }) => /^(export|import)-shard$/.test(step));
    assert.deepEqual(
      moved.map(({ step, number }) => [step, number]),
      [['import-shard', 3]],
    );
    await assertArrivedOnce();
    assert.equal(aws.asked.filter((action) => action === 'RedriveExecution').length, 1);
  });

  it('that has succeeded, or is under way, is not redriven, and goes on when the watching ends', async () => {
    const succeeded = await command('redrive');
    assert.deepEqual(
      [succeeded.code, succeeded.stderr],
      [1, 'The execution has succeeded: there is nothing to run again.\n'],
    );
    functions.set([{ step: 'import-shard', kind: 'waits' }]);
    const started = await command('start', '--run', 'third', '--json', ...small);
    const running = await command('redrive');
    assert.equal(running.code, 1);
    assert.match(running.stderr, /^The execution is under way: watch it to its end[^\n]*\.\n$/);
    // The same name and input while it is under way is that very execution; later a new one of the same run.
    const again = await command('start', '--run', 'third', '--json', ...small);
    assert.equal(JSON.parse(again.stdout).execution, JSON.parse(started.stdout).execution);
    const watching = startCommand(['watch'], aws.environment);
    // Its first line: it has begun to watch.
    await once(watching.process.stderr!, 'data');
    watching.process.kill('SIGINT');
    const { code, stderr } = await watching.finished;
    assert.equal(code, 1);
    assert.match(stderr, /the execution goes on, and watch shows it again/);
    functions.set([]);
    assert.equal((await command('watch', '--quiet')).code, 0);
    const later = await command('start', '--run', 'third', '--json', '--watch', '--quiet', ...small);
    assert.equal(later.code, 0, later.stderr);
    const { name, run } = JSON.parse(later.stdout) as Look;
    assert.notEqual(name, 'third');
    assert.equal(run, 'third');
  });

  async function assertArrivedOnce(): Promise<void> {
    const id = await collectionId(chroma.url, 'docs');
    const place = { chroma: chroma.url, collectionId: id, target: postgres.url, schema: 'docs' };
    assert.equal(await assertArrived(place), RECORDS);
  }
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, 'what was waited for has not come');
    await sleep(20);
  }
}
