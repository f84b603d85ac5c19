/** Functions in processes of their own, under the limits of their definition. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { LambdaDefinition } from '../../local/lambda/lambda-definition.ts';
import type { LambdaEvent } from '../../local/lambda/lambda-events.ts';
import { LambdaPool } from '../../local/lambda/lambda-pool.ts';
import { StateFailure } from '../../local/state-machine/errors.ts';
import type { Json } from '../../local/state-machine/json.ts';

interface Fixture {
  events: LambdaEvent[];
  pool: LambdaPool;
  call(event?: Json, signal?: AbortSignal): Promise<Json>;
  /** Resolves with the first event of that type, at once if it was told already. */
  told<Type extends LambdaEvent['type']>(type: Type): Promise<Extract<LambdaEvent, { type: Type }>>;
}

interface Options extends Partial<LambdaDefinition> {
  overrides?: Record<string, string>;
  idleMilliseconds?: number;
}

/** A pool of a function with that code, closed after the test. */
async function functionOf(context: TestContext, code: string, options: Options = {}): Promise<Fixture> {
  const codeFolder = await mkdtemp(join(tmpdir(), 'chroma-to-pgvector-'));
  await writeFile(join(codeFolder, 'work.mjs'), code);
  const { overrides = {}, idleMilliseconds, ...rest } = options;
  const events: LambdaEvent[] = [];
  const listeners = new Set<() => void>();
  const pool = new LambdaPool({
    definition: {
      name: 'Work',
      handler: 'work.handler',
      codeFolder,
      memoryMb: 256,
      timeoutSeconds: 20,
      environment: {},
      ...rest,
    },
    environment: overrides,
    emit: (event) => {
      events.push(event);
      for (const listener of [...listeners]) listener();
    },
    ...(idleMilliseconds !== undefined && { idleMilliseconds }),
  });
  context.after(async () => {
    await pool.close();
    await rm(codeFolder, { recursive: true, force: true });
  });
  return {
    events,
    pool,
    call: (event = {}, signal = new AbortController().signal) => pool.invoke(event, signal),
    told: (type) =>
      new Promise((resolve) => {
        const look = () => {
          const found = events.find((event) => event.type === type);
          if (!found) return;
          listeners.delete(look);
          resolve(found as never);
        };
        listeners.add(look);
        look();
      }),
  };
}

const failureOf = (work: Promise<unknown>): Promise<StateFailure> =>
  work.then(
    () => assert.fail('it succeeded'),
    (error) => (error instanceof StateFailure ? error : assert.fail(error as Error)),
  );
const messageOf = ({ cause }: StateFailure) => (JSON.parse(cause) as { errorMessage: string }).errorMessage;

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('A function', () => {
  it('is given the event and a context, and its answer comes back', async (context) => {
    const { call } = await functionOf(
      context,
      `export const handler = async (event, context) => ({ event, name: context.functionName,
         memory: context.memoryLimitInMB, id: context.awsRequestId.length, left: context.getRemainingTimeInMillis() });`,
    );
    const { left, ...rest } = (await call({ shard: 3, text: '語\u0000' })) as { left: number };
    assert.deepEqual(rest, { event: { shard: 3, text: '語\u0000' }, name: 'Work', memory: '256', id: 36 });
    assert.ok(left > 10_000 && left <= 20_000);
  });

  it('answers null for nothing', async (context) => {
    const { call } = await functionOf(context, 'export const handler = async () => undefined;');
    assert.equal(await call(), null);
  });

  it('that throws fails with the error’s name, message and stack, as Lambda says it', async (context) => {
    const { call, events } = await functionOf(
      context,
      `class SourceUnavailable extends Error { name = 'SourceUnavailable'; }
       export const handler = async () => { throw new SourceUnavailable('Chroma did not answer'); };`,
    );
    const failure = await failureOf(call());
    assert.equal(failure.error, 'SourceUnavailable');
    const body = JSON.parse(failure.cause);
    assert.deepEqual([body.errorType, body.errorMessage], ['SourceUnavailable', 'Chroma did not answer']);
    assert.match(body.trace[1], /work\.mjs/);
    // It is warm after an error: only the end of the process is the end of the environment.
    await failureOf(call());
    assert.equal(events.filter(({ type }) => type === 'environment-started').length, 1);
  });

  it('that cannot be loaded fails with the error that says why', async (context) => {
    const throwing = await functionOf(
      context,
      `const error = new Error('STORE_URL is not set'); error.name = 'InvalidInput'; throw error;`,
    );
    const failure = await failureOf(throwing.call());
    assert.deepEqual([failure.error, messageOf(failure)], ['InvalidInput', 'STORE_URL is not set']);
    const without = await functionOf(context, 'export const other = 1;');
    assert.equal((await failureOf(without.call())).error, 'Runtime.HandlerNotFound');
    const missing = await functionOf(context, '', { handler: 'elsewhere.handler' });
    assert.equal((await failureOf(missing.call())).error, 'Runtime.ImportModuleError');
  });

  it('past its time-out is killed and fails with Sandbox.Timedout', async (context) => {
    const { call, told } = await functionOf(context, 'export const handler = () => { while (true); };', {
      timeoutSeconds: 1,
    });
    const failure = await failureOf(call());
    assert.equal(failure.error, 'Sandbox.Timedout');
    assert.match(messageOf(failure), /timed out after 1\.00 seconds/);
    assert.equal(isRunning((await told('environment-ended')).pid), false);
  });

  it('whose process is killed fails with Runtime.ExitError, and the next call gets another process', async (context) => {
    const { call, told } = await functionOf(
      context,
      `export const handler = async ({ wait }) => wait ? new Promise((done) => setTimeout(done, 60_000)) : process.pid;`,
    );
    const failed = failureOf(call({ wait: true }));
    const { pid } = await told('environment-started');
    process.kill(pid, 'SIGKILL');
    const failure = await failed;
    assert.equal(failure.error, 'Runtime.ExitError');
    assert.match(messageOf(failure), /signal: SIGKILL/);
    assert.notEqual(await call({ wait: false }), pid);
  });

  it('that ends its process fails with Runtime.ExitError', async (context) => {
    const { call } = await functionOf(context, 'export const handler = () => process.exit(3);');
    const failure = await failureOf(call());
    assert.equal(failure.error, 'Runtime.ExitError');
    assert.match(messageOf(failure), /exit status 3/);
  });

  it('that was killed while it was idle does not hurt the next call', async (context) => {
    const { call, told } = await functionOf(context, 'export const handler = async () => process.pid;');
    const pid = (await call()) as number;
    process.kill(pid, 'SIGKILL');
    await told('environment-ended');
    assert.notEqual(await call(), pid);
  });

  it('whose heap grows past its memory fails with Runtime.OutOfMemory', async (context) => {
    const { call } = await functionOf(
      context,
      `export const handler = async () => { const kept = []; while (true) kept.push(new Array(1000).fill({})); };`,
      { memoryMb: 128 },
    );
    assert.equal((await failureOf(call())).error, 'Runtime.OutOfMemory');
  });

  it('whose buffers grow past its memory is killed and fails with Runtime.OutOfMemory', {
    skip: !existsSync('/proc/self/status') && 'needs /proc',
  }, async (context) => {
    const { call } = await functionOf(
      context,
      `export const handler = async () => {
         const kept = [];
         while (kept.length < 60) {
           kept.push(Buffer.alloc(10_000_000, 1));
           await new Promise((done) => setTimeout(done, 30));
         }
         return kept.length;
       };`,
      { memoryMb: 192 },
    );
    assert.equal((await failureOf(call())).error, 'Runtime.OutOfMemory');
  });

  it('takes and gives 6 MB and no more', async (context) => {
    const { call } = await functionOf(
      context,
      `export const handler = async (event) => typeof event === 'number' ? 'x'.repeat(event) : event.length;`,
    );
    const limit = 6 * 1024 * 1024;
    assert.equal(await call('x'.repeat(limit - 2)), limit - 2);
    assert.equal((await failureOf(call('x'.repeat(limit - 1)))).error, 'Lambda.RequestTooLargeException');
    assert.equal(((await call(limit - 2)) as string).length, limit - 2);
    assert.equal((await failureOf(call(limit - 1))).error, 'Function.ResponseSizeTooLarge');
  });

  it('sees its definition’s variables, the runner’s in their place, and nothing private of the runner', async (context) => {
    process.env.SECRET_OF_THE_RUNNER = 'secret';
    context.after(() => delete process.env.SECRET_OF_THE_RUNNER);
    const { call } = await functionOf(context, 'export const handler = async () => process.env;', {
      environment: { STORE_URL: 's3://bucket', CHROMA_URL: 'http://chroma', CA_FILE: '/var/ca.pem' },
      overrides: { STORE_URL: '/tmp/store', CA_FILE: '' },
    });
    const seen = (await call()) as Record<string, string>;
    assert.equal(seen.STORE_URL, '/tmp/store');
    assert.equal(seen.CHROMA_URL, 'http://chroma');
    assert.equal(seen.AWS_LAMBDA_FUNCTION_NAME, 'Work');
    assert.equal(seen.AWS_LAMBDA_FUNCTION_MEMORY_SIZE, '256');
    assert.ok(seen.AWS_REGION);
    assert.equal('CA_FILE' in seen, false);
    assert.equal('SECRET_OF_THE_RUNNER' in seen, false);
  });

  it('writes log lines: JSON objects with their fields, anything else as a message', async (context) => {
    const { call, events, pool } = await functionOf(
      context,
      `export const handler = async () => {
         process.stdout.write(JSON.stringify({ level: 'info', message: 'progress', records: 7 }) + '\\n');
         console.log('plain words');
         console.error('{ not json');
       };`,
    );
    await call();
    await pool.close();
    const lines = events.flatMap((event) => (event.type === 'log' ? [event.fields] : []));
    assert.deepEqual(
      lines.toSorted((a, b) => String(a.message).localeCompare(String(b.message))),
      [
        { message: '{ not json' },
        { message: 'plain words' },
        { level: 'info', message: 'progress', records: 7 },
      ],
    );
  });
});

describe('The environments of a function', () => {
  const slow = `export const handler = async () => { await new Promise((done) => setTimeout(done, 300)); return process.pid; };`;

  it('are one a call at the same time, and are used again', async (context) => {
    const { call, events } = await functionOf(context, slow);
    const first = new Set(await Promise.all([call(), call(), call()]));
    assert.equal(first.size, 3);
    const again = await Promise.all([call(), call()]);
    assert.ok(again.every((pid) => first.has(pid)));
    assert.equal(events.filter(({ type }) => type === 'environment-started').length, 3);
  });

  it('end when nobody has called for a while', async (context) => {
    const { call, told } = await functionOf(context, slow, { idleMilliseconds: 50 });
    const pid = await call();
    const ended = await told('environment-ended');
    assert.deepEqual([ended.pid, ended.reason], [pid, 'idle']);
  });

  it('are gone when the pool is closed, busy ones too', async (context) => {
    const { call, pool, events } = await functionOf(context, slow);
    await call();
    const cut = failureOf(call());
    const idle = call().catch(() => null);
    await pool.close();
    assert.equal((await cut).error, 'Runtime.ExitError');
    await idle;
    for (const event of events)
      if (event.type === 'environment-started') assert.equal(isRunning(event.pid), false);
  });

  it('end with the call that is aborted', async (context) => {
    const { call, told } = await functionOf(context, 'export const handler = () => { while (true); };');
    const controller = new AbortController();
    const reason = new Error('stopped');
    const cut = assert.rejects(call({}, controller.signal), reason);
    const { pid } = await told('environment-started');
    controller.abort(reason);
    await cut;
    assert.equal(isRunning(pid), false);
  });
});
