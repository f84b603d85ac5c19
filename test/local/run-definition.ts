import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Clock } from '../../local/state-machine/clock.ts';
import { StateFailure } from '../../local/state-machine/errors.ts';
import type { ExecutionEvent } from '../../local/state-machine/events.ts';
import type { Execution } from '../../local/state-machine/execution.ts';
import type { Json, JsonObject } from '../../local/state-machine/json.ts';
import { LAMBDA_INVOKE, LambdaInvoke } from '../../local/state-machine/lambda-invoke.ts';
import { type ExecutionEnd, StateMachine } from '../../local/state-machine/state-machine.ts';
import { FileStore } from '../../src/store/file-store.ts';
import type { ShardStore } from '../../src/store/store.ts';
import { TestClock } from './test-clock.ts';

/** A function of a test: what it returns is the task's result. */
// biome-ignore lint/suspicious/noExplicitAny: each test knows what it sends.
export type Task = (payload: any, signal: AbortSignal) => unknown;

export interface RunOptions {
  input?: Json;
  tasks?: Record<string, Task>;
  store?: ShardStore;
  clock?: Clock;
  signal?: AbortSignal;
}

export interface Run {
  end: ExecutionEnd;
  execution: Execution;
  events: ExecutionEvent[];
}

/** @throws UnsupportedDefinition */
export function readMachine(definition: JsonObject, { tasks = {}, store }: RunOptions = {}): StateMachine {
  const invoke = new LambdaInvoke(Object.keys(tasks), async (name, payload, signal) => {
    return (await tasks[name]!(payload, signal)) as Json;
  });
  return new StateMachine(
    { QueryLanguage: 'JSONata', ...definition },
    {
      resources: new Map([[LAMBDA_INVOKE, invoke]]),
      buckets: new Map(store ? [['bucket', store]] : []),
    },
  );
}

/** Runs a definition of states to its end. */
export async function runDefinition(definition: JsonObject, options: RunOptions = {}): Promise<Run> {
  const events: ExecutionEvent[] = [];
  const { execution, ended } = readMachine(definition, options).start({
    name: 'test',
    input: options.input ?? {},
    clock: options.clock ?? new TestClock(),
    emit: (event) => events.push(event),
    signal: options.signal ?? new AbortController().signal,
  });
  return { end: await ended, execution, events };
}

/** The output of a definition that must succeed. */
export async function outputOf(definition: JsonObject, options: RunOptions = {}): Promise<Json> {
  const { end } = await runDefinition(definition, options);
  if (end.status === 'SUCCEEDED') return end.output;
  throw end.status === 'FAILED' ? end.failure : new Error(end.status);
}

/** The failure of a definition that must fail. */
export async function failureOf(definition: JsonObject, options: RunOptions = {}): Promise<StateFailure> {
  const { end } = await runDefinition(definition, options);
  if (end.status === 'FAILED') return end.failure;
  throw new Error(`The execution ${end.status}`);
}

/** A Task that hands its input to a function of the test and hands on what that returns. */
export const task = (name: string, fields: JsonObject = { End: true }): JsonObject => ({
  Type: 'Task',
  Resource: LAMBDA_INVOKE,
  Arguments: { FunctionName: name, Payload: '{% $states.input %}' },
  Output: '{% $states.result.Payload %}',
  ...fields,
});

/** One state alone. */
export const only = (state: JsonObject): JsonObject => ({ StartAt: 'Only', States: { Only: state } });

/** Fails with `error` so many times, then returns `result`. */
export function failing(error: string, times: number, result: Json = 'done'): Task & { calls: number } {
  const work = () => {
    if (work.calls++ < times) throw new StateFailure(error, `${error} happened`);
    return result;
  };
  work.calls = 0;
  return work;
}

/** A store in a folder that is gone after the test. */
export async function testStore(context: TestContext): Promise<FileStore> {
  const folder = await mkdtemp(join(tmpdir(), 'chroma-to-pgvector-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return new FileStore(folder);
}
