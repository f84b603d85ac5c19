/** A redrive goes on from what did not succeed, and runs nothing again that did. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { StateFailure } from '../../local/state-machine/errors.ts';
import type { Json, JsonObject } from '../../local/state-machine/json.ts';
import type { ExecutionEnd } from '../../local/state-machine/state-machine.ts';
import { failing, readMachine, type Task, task, testStore } from './run-definition.ts';
import { TestClock } from './test-clock.ts';

/** Runs a definition, and redrives it until it succeeds or has been redriven `most` times. */
async function runAndRedrive(
  definition: JsonObject,
  { most = 1, ...options }: Parameters<typeof readMachine>[1] & { most?: number; input?: Json },
): Promise<{ ends: ExecutionEnd[]; redrives: number; mapRuns: number }> {
  const machine = readMachine(definition, options);
  const { signal } = new AbortController();
  const { execution, ended } = machine.start({
    ...{ name: 'test', input: options.input ?? {}, clock: new TestClock(), emit: () => {}, signal },
  });
  const ends = [await ended];
  while (ends.at(-1)!.status !== 'SUCCEEDED' && execution.redriveCount < most)
    ends.push(await machine.redrive(execution, signal));
  return { ends, redrives: execution.redriveCount, mapRuns: execution.mapRuns.length };
}

const outputOf = (end: ExecutionEnd | undefined): Json => {
  assert.equal(end?.status, 'SUCCEEDED', JSON.stringify(end));
  return (end as { output: Json }).output;
};

const strictMap = (fields: JsonObject = {}): JsonObject => ({
  Type: 'Map',
  End: true,
  Items: [0, 1, 2, 3],
  MaxConcurrency: 1,
  ItemProcessor: {
    ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
    StartAt: 'Export',
    States: { Export: task('export', { Next: 'Import' }), Import: task('import') },
  },
  ...fields,
});

/** Notes each call; fails the first call for each of some items. */
function noting(...broken: number[]): Task & { calls: number[] } {
  const left = new Set(broken);
  const work = (item: number) => {
    work.calls.push(item);
    if (left.delete(item)) throw new StateFailure('Broken', `item ${item}`);
    return item;
  };
  work.calls = [] as number[];
  return work;
}

describe('a redrive', () => {
  it('begins with the state that failed, with its input, its variables and its retries new', async () => {
    const first = noting();
    const second = failing('Broken', 3);
    const Retry = [{ ErrorEquals: ['Broken'], IntervalSeconds: 1, MaxAttempts: 1 }];
    const { ends } = await runAndRedrive(
      {
        StartAt: 'First',
        States: {
          First: task('first', { Assign: { kept: '{% $states.result.Payload + 1 %}' }, Next: 'Second' }),
          Second: task('second', { Retry, Output: '{% [$states.input, $kept] %}', End: true }),
        },
      },
      { input: 7, tasks: { first, second } },
    );
    // Two attempts each time: the fourth is the first that works.
    assert.equal(second.calls, 4);
    assert.deepEqual(first.calls, [7]);
    assert.deepEqual(outputOf(ends[1]), [7, 8]);
  });

  it('runs a Map Run’s failed children again, from their own states that failed, and no others', async () => {
    const tasks = { export: noting(), import: noting(1) };
    const { ends, mapRuns } = await runAndRedrive(
      { StartAt: 'Shards', States: { Shards: strictMap() } },
      { tasks },
    );
    assert.equal(ends[0]!.status, 'FAILED');
    assert.deepEqual(outputOf(ends[1]), [0, 1, 2, 3]);
    // The strict map stopped at item 1; 2 and 3 begin with the redrive.
    assert.deepEqual(tasks.export.calls, [0, 1, 2, 3]);
    assert.deepEqual(tasks.import.calls, [0, 1, 1, 2, 3]);
    assert.equal(mapRuns, 1);
  });

  it('can be repeated until the last child has succeeded', async () => {
    const tasks = { export: noting(0, 2), import: noting(3) };
    const { ends, redrives } = await runAndRedrive(
      { StartAt: 'Shards', States: { Shards: strictMap() } },
      { tasks, most: 9 },
    );
    assert.equal(redrives, 3);
    assert.deepEqual(outputOf(ends.at(-1)), [0, 1, 2, 3]);
    assert.deepEqual(tasks.export.calls, [0, 0, 1, 2, 2, 3]);
  });

  it('does not come back to a Map that tolerated its failures: it is over', async () => {
    const tasks = { export: noting(1), import: noting(), next: failing('Broken', 1) };
    const shards = strictMap({ ToleratedFailurePercentage: 100, Next: 'Next' });
    delete shards.End;
    await runAndRedrive({ StartAt: 'Shards', States: { Shards: shards, Next: task('next') } }, { tasks });
    assert.deepEqual(tasks.export.calls, [0, 1, 2, 3]);
    assert.equal(tasks.next.calls, 2);
  });

  it('leaves each child in one file of results, by how it ended at last', async (context) => {
    const results = await resultsAfter(context, { export: noting(1), import: noting(3) });
    assert.deepEqual(results, { FAILED: [], PENDING: [], SUCCEEDED: ['0', '1', '2', '3'] });
  });

  it('runs those inline iterations and branches again that did not succeed', async () => {
    const iterated = noting(2);
    const branched = noting(7);
    const branch = (item: number) => ({
      StartAt: `Branch${item}`,
      States: { [`Branch${item}`]: task('branched', { Arguments: args('branched', item), End: true }) },
    });
    const Parallel = { Type: 'Parallel', End: true, Branches: [branch(5), branch(7)] };
    const Inline = {
      ...{ Type: 'Map', Items: [0, 1, 2], MaxConcurrency: 1, Next: 'Parallel' },
      ItemProcessor: { StartAt: 'Work', States: { Work: task('iterated') } },
    };
    const { ends } = await runAndRedrive(
      { StartAt: 'Inline', States: { Inline, Parallel } },
      { tasks: { iterated, branched }, most: 2 },
    );
    assert.deepEqual(outputOf(ends.at(-1)), [5, 7]);
    assert.deepEqual(iterated.calls, [0, 1, 2, 2]);
    assert.deepEqual(branched.calls, [5, 7, 7]);
  });
});

const args = (FunctionName: string, Payload: Json): JsonObject => ({ FunctionName, Payload });

async function resultsAfter(context: TestContext, tasks: Record<string, Task>) {
  const store = await testStore(context);
  const ResultWriter = {
    Resource: 'arn:aws:states:::s3:putObject',
    Arguments: { Bucket: 'bucket', Prefix: 'results' },
  };
  const { ends } = await runAndRedrive(
    { StartAt: 'Shards', States: { Shards: strictMap({ ResultWriter }) } },
    { tasks, store, most: 5 },
  );
  const { Key } = (outputOf(ends.at(-1)) as { ResultWriterDetails: { Key: string } }).ResultWriterDetails;
  const { ResultFiles } = JSON.parse((await store.readText(Key))!);
  const inputs: Record<string, string[]> = {};
  for (const [status, files] of Object.entries<{ Key: string }[]>(ResultFiles)) {
    const records = await Promise.all(
      files.map(async (file) => JSON.parse((await store.readText(file.Key))!)),
    );
    inputs[status] = records
      .flat()
      .map(({ Input }) => Input)
      .sort();
  }
  return inputs;
}
