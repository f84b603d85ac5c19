/** A whole execution: an assembly's definition, its functions as processes, the store, and how it ends. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Assembly } from '../../local/assembly.ts';
import type { RdsAdapter } from '../../local/rds-adapter.ts';
import { type ExecutionEvent, type RunSettings, runExecution } from '../../local/run-execution.ts';
import { UnsupportedDefinition } from '../../local/state-machine/errors.ts';
import type { Json, JsonObject } from '../../local/state-machine/json.ts';
import { LAMBDA_INVOKE } from '../../local/state-machine/lambda-invoke.ts';
import { task, testStore } from './run-definition.ts';

const FUNCTION = 'function:Work';

const HANDLER = `
export const handler = async (event) => {
  console.log(JSON.stringify({ level: 'info', message: 'worked', event }));
  if (event.wait) await new Promise((done) => setTimeout(done, 60_000));
  if (event.error) { const error = new Error(event.error + ' happened'); error.name = event.error; throw error; }
  return { ...event, pid: process.pid, store: process.env.STORE_URL };
};`;

const work = (fields: JsonObject = { End: true }) => task(FUNCTION, fields);

/** Runs states whose function is HANDLER; `settings` is handed to every test's own run. */
async function prepare(context: TestContext, States: JsonObject) {
  const store = await testStore(context);
  await store.writeText('code/.keep', '');
  const codeFolder = join(store.url, 'code');
  await writeFile(join(codeFolder, 'work.mjs'), HANDLER);
  const definition = {
    name: 'Work',
    handler: 'work.handler',
    codeFolder,
    memoryMb: 256,
    timeoutSeconds: 30,
    environment: { STORE_URL: 's3://bucket:Shards' },
  };
  const assembly: Assembly = {
    folder: store.url,
    definition: { QueryLanguage: 'JSONata', StartAt: Object.keys(States)[0]!, States },
    functions: new Map([[FUNCTION, definition]]),
    buckets: ['bucket:Shards'],
  };
  const events: ExecutionEvent[] = [];
  const rdsCalls: unknown[] = [];
  const rds: RdsAdapter = {
    call: async (action, args) => {
      rdsCalls.push([action, args]);
      return {};
    },
  };
  const settings: RunSettings = {
    assembly,
    input: {},
    name: 'run-1',
    environment: { STORE_URL: '/the/store' },
    store,
    rds,
    onEvent: (event) => events.push(event),
  };
  return { settings, events, store, rdsCalls };
}

const shardMap = (fields: JsonObject = {}): JsonObject => ({
  Type: 'Map',
  End: true,
  ItemReader: {
    Resource: 'arn:aws:states:::s3:getObject',
    ReaderConfig: { InputType: 'JSON' },
    Arguments: { Bucket: 'bucket:Shards', Key: 'shards.json' },
  },
  ItemProcessor: {
    ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
    StartAt: 'ExportShard',
    States: { ExportShard: work() },
  },
  MaxConcurrency: 2,
  ...fields,
});

describe('runExecution', () => {
  it('runs functions with the runner’s environment and the map’s children in warm processes', async (context) => {
    const { settings, events, store } = await prepare(context, { MigrateShards: shardMap() });
    await store.writeText('shards.json', JSON.stringify([{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }]));
    const result = await runExecution(settings);
    assert.equal(result.status, 'SUCCEEDED');
    const output = (result as { output: Json }).output as { n: number; pid: number; store: string }[];
    assert.deepEqual(
      output.map(({ n, store }) => [n, store]),
      [0, 1, 2, 3].map((n) => [n, '/the/store']),
    );
    assert.equal(new Set(output.map(({ pid }) => pid)).size, 2);
    for (const { pid } of output) assert.throws(() => process.kill(pid, 0), /ESRCH/);
    const of = (type: string) => events.filter((event) => event.type === type);
    assert.equal(of('log').length, 4);
    assert.equal(of('environment-started').length, 2);
    assert.equal(of('environment-ended').length, 2);
    assert.equal(of('child-ended').length, 4);
    const [started] = of('map-run-started') as { state: string; items: number }[];
    assert.deepEqual([started?.state, started?.items], ['MigrateShards', 4]);
  });

  it('starts the process of the next function while the one before works', async (context) => {
    const { settings, events } = await prepare(context, {
      First: work({ Next: 'Asked' }),
      Asked: { Type: 'Choice', Choices: [{ Condition: '{% false %}', Next: 'Never' }], Default: 'Second' },
      Never: task('function:Never'),
      Second: task('function:Second'),
    });
    const definition = settings.assembly.functions.get(FUNCTION)!;
    const named = (name: string) => [`function:${name}`, { ...definition, name }] as const;
    const functions = new Map([named('Work'), named('Second'), named('Never')]);
    const result = await runExecution({ ...settings, assembly: { ...settings.assembly, functions } });
    assert.equal(result.status, 'SUCCEEDED');
    const started = events.flatMap((event, at) =>
      event.type === 'environment-started' ? [{ name: event.function, at }] : [],
    );
    assert.deepEqual(started.map(({ name }) => name).sort(), ['Second', 'Work']);
    const exited = events.findIndex((event) => event.type === 'state-exited' && event.state === 'First');
    for (const { name, at } of started) assert.ok(at < exited, `${name} was started after First had ended`);
  });

  it('tells of a failed Map the first child’s error, message and state', async (context) => {
    const { settings, store } = await prepare(context, { MigrateShards: shardMap() });
    await store.writeText('shards.json', JSON.stringify([{ n: 0 }, { error: 'SourceChanged' }]));
    const result = await runExecution(settings);
    assert.ok(result.status === 'FAILED');
    assert.equal(result.error, 'States.ExceedToleratedFailureThreshold');
    assert.equal(result.state, 'ExportShard');
    assert.deepEqual(result.rootError, { error: 'SourceChanged', cause: 'SourceChanged happened' });
  });

  it('tells of a failed Task its error and, unwrapped, its message', async (context) => {
    const { settings } = await prepare(context, { Plan: work() });
    const result = await runExecution({ ...settings, input: { error: 'CollectionNotFound' } });
    assert.ok(result.status === 'FAILED');
    assert.equal(result.state, 'Plan');
    assert.equal(result.error, 'CollectionNotFound');
    assert.equal(JSON.parse(result.cause).errorMessage, 'CollectionNotFound happened');
    assert.deepEqual(result.rootError, { error: 'CollectionNotFound', cause: 'CollectionNotFound happened' });
  });

  it('goes on after a function’s process was killed, if the state retries that', async (context) => {
    const Retry = [{ ErrorEquals: ['Runtime.ExitError'], IntervalSeconds: 1, MaxAttempts: 1 }];
    const Arguments = {
      FunctionName: FUNCTION,
      Payload: { wait: '{% $states.context.State.RetryCount = 0 %}' },
    };
    const { settings } = await prepare(context, { ExportShard: work({ End: true, Retry, Arguments }) });
    let killed = 0;
    const onEvent = (event: ExecutionEvent) => {
      if (event.type === 'log' && killed++ === 0) process.kill(event.pid, 'SIGKILL');
    };
    const result = await runExecution({ ...settings, onEvent });
    assert.equal(result.status, 'SUCCEEDED');
    assert.equal(killed, 2);
  });

  it('ends as ABORTED when it is stopped, with all of its processes gone', async (context) => {
    const { settings, store } = await prepare(context, { MigrateShards: shardMap() });
    await store.writeText('shards.json', JSON.stringify([{ wait: true }, { wait: true }, { wait: true }]));
    const controller = new AbortController();
    const pids: number[] = [];
    const onEvent = (event: ExecutionEvent) => {
      if (event.type !== 'log') return;
      pids.push(event.pid);
      if (pids.length === 2) controller.abort();
    };
    const result = await runExecution({ ...settings, onEvent, signal: controller.signal });
    assert.equal(result.status, 'ABORTED');
    assert.equal(pids.length, 2);
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), /ESRCH/);
  });

  it('hands the state machine’s RDS calls to the adapter', async (context) => {
    const Parameters = [{ ParameterName: 'work_mem', ParameterValue: '4096', ApplyMethod: 'immediate' }];
    const { settings, rdsCalls } = await prepare(context, {
      ModifyParameterGroup: {
        Type: 'Task',
        Resource: 'arn:aws:states:::aws-sdk:rds:modifyDBParameterGroup',
        Arguments: { DbParameterGroupName: 'group', Parameters },
        End: true,
      },
    });
    assert.equal((await runExecution(settings)).status, 'SUCCEEDED');
    assert.deepEqual(rdsCalls, [['modifyDBParameterGroup', { DbParameterGroupName: 'group', Parameters }]]);
  });

  it('refuses a definition that it does not know before any process starts', async (context) => {
    const { settings, events } = await prepare(context, {
      First: work({ Next: 'Second' }),
      Second: { ...work(), Resource: `${LAMBDA_INVOKE}.waitForTaskToken` },
    });
    await assert.rejects(runExecution(settings), UnsupportedDefinition);
    assert.deepEqual(events, []);
  });
});
