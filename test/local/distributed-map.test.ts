/** The Map state whose items are executions of their own: a Map Run. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { StateFailure } from '../../local/state-machine/errors.ts';
import type { Json, JsonObject } from '../../local/state-machine/json.ts';
import { failureOf, outputOf, runDefinition, type Task, task, testStore } from './run-definition.ts';
import { TestClock } from './test-clock.ts';

const shardMap = (fields: JsonObject = {}): JsonObject => ({
  StartAt: 'MigrateShards',
  States: {
    MigrateShards: {
      Type: 'Map',
      End: true,
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 'ExportShard',
        States: { ExportShard: task('work') },
      },
      ...fields,
    },
  },
});
const reader = (Key: string): JsonObject => ({
  Resource: 'arn:aws:states:::s3:getObject',
  ReaderConfig: { InputType: 'JSON' },
  Arguments: { Bucket: 'bucket', Key },
});
const ResultWriter = {
  Resource: 'arn:aws:states:::s3:putObject',
  Arguments: { Bucket: 'bucket', Prefix: "{% 'runs/' & $states.input.run & '/results' %}" },
};
/** Fails for these items. */
const brokenFor =
  (...items: number[]): Task =>
  (item: number) => {
    if (items.includes(item)) throw new StateFailure('Broken', `item ${item}`);
    return item * 10;
  };
const numbers = (length: number) => Array.from({ length }, (_, index) => index);

describe('A Map Run over a JSON file in the store', () => {
  it('starts a child for each element, with a name and an input of its own', async (context) => {
    const store = await testStore(context);
    await store.writeText('runs/r/shards.json', JSON.stringify([{ number: 0 }, { number: 1 }]));
    const definition = shardMap({
      ItemReader: reader("{% 'runs/' & $states.input.run & '/shards.json' %}"),
      ItemSelector: {
        shard: '{% $states.context.Map.Item.Value.number %}',
        index: '{% $states.context.Map.Item.Index %}',
      },
    });
    const names = new Set<unknown>();
    const tasks = { work: (input: Json) => names.add(input) && input };
    const output = await outputOf(definition, { store, tasks, input: { run: 'r' } });
    assert.deepEqual(output, [
      { shard: 0, index: 0 },
      { shard: 1, index: 1 },
    ]);
    assert.equal(names.size, 2);
  });

  it('shows a child its own execution, and its own input as that execution’s', async () => {
    const child = {
      Type: 'Pass',
      End: true,
      Output: '{% [$states.context.Execution.Name, $states.context.Execution.Input] %}',
    };
    const definition = shardMap({
      Items: ['a', 'b'],
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 'Who',
        States: { Who: child },
      },
    });
    const [first, second] = (await outputOf(definition)) as [string, string][];
    assert.deepEqual([first![1], second![1]], ['a', 'b']);
    assert.equal(new Set([first![0], second![0], 'test']).size, 3);
  });

  for (const [what, text] of [
    ['is not there', null],
    ['is no JSON', '[1,'],
    ['is no list', '{}'],
  ] as const)
    it(`fails with States.ItemReaderFailed if the file ${what}`, async (context) => {
      const store = await testStore(context);
      if (text !== null) await store.writeText('items.json', text);
      const definition = shardMap({ ItemReader: reader('items.json') });
      const failure = await failureOf(definition, { store, tasks: { work: () => 1 } });
      assert.equal(failure.error, 'States.ItemReaderFailed');
      assert.match(failure.cause, /items\.json/);
    });

  it('succeeds with no children for an empty list', async (context) => {
    const store = await testStore(context);
    await store.writeText('items.json', '[]');
    assert.deepEqual(
      await outputOf(shardMap({ ItemReader: reader('items.json') }), { store, tasks: { work: () => 1 } }),
      [],
    );
  });
});

describe('MaxConcurrency of a Map Run', () => {
  for (const asked of [7, '{% $states.input.concurrency %}'])
    it(`is reached and never exceeded: ${asked}`, async () => {
      const clock = new TestClock();
      let [running, most] = [0, 0];
      const work = async (item: Json, signal: AbortSignal) => {
        most = Math.max(most, ++running);
        await clock.sleep(1000, signal);
        running--;
        return item;
      };
      const definition = shardMap({ Items: numbers(50), MaxConcurrency: asked });
      await outputOf(definition, { clock, tasks: { work }, input: { concurrency: 7 } });
      assert.equal(most, 7);
    });
});

describe('The failures that a Map Run tolerates', () => {
  for (const [tolerated, failing, fails] of [
    [{}, [], false],
    [{}, [3], true],
    [{ ToleratedFailureCount: 2 }, [1, 2], false],
    [{ ToleratedFailureCount: 2 }, [1, 2, 3], true],
    [{ ToleratedFailurePercentage: 20 }, [1, 2], false],
    [{ ToleratedFailurePercentage: 20 }, [1, 2, 3], true],
    [{ ToleratedFailurePercentage: 100 }, numbers(10), false],
    [{ ToleratedFailurePercentage: '{% $states.input.share %}' }, [1, 2], false],
    [{ ToleratedFailureCount: 5, ToleratedFailurePercentage: 10 }, [1, 2], true],
    [{ ToleratedFailureCount: 1, ToleratedFailurePercentage: 90 }, [1, 2], true],
  ] as [JsonObject, number[], boolean][])
    it(`${JSON.stringify(tolerated)}: ${failing.length} of 10 children ${fails ? 'fail' : 'do not fail'} it`, async () => {
      const definition = shardMap({ Items: numbers(10), MaxConcurrency: 1, ...tolerated });
      const tasks = { work: brokenFor(...failing) };
      const { end } = await runDefinition(definition, { tasks, input: { share: 20 } });
      assert.equal(end.status, fails ? 'FAILED' : 'SUCCEEDED');
      if (end.status === 'FAILED') assert.equal(end.failure.error, 'States.ExceedToleratedFailureThreshold');
    });

  it('once exceeded stop the children under way, start no more, and name the first failure', async () => {
    const clock = new TestClock();
    const started: number[] = [];
    const work = async (item: number, signal: AbortSignal) => {
      started.push(item);
      await clock.sleep(item === 2 ? 1000 : 60_000, signal);
      return brokenFor(2)(item, signal);
    };
    const definition = shardMap({ Items: numbers(10), MaxConcurrency: 3 });
    const { end, events, execution } = await runDefinition(definition, { clock, tasks: { work } });
    assert.equal(end.status, 'FAILED');
    if (end.status !== 'FAILED') return;
    assert.equal(end.failure.state, 'MigrateShards');
    const root = end.failure.root;
    assert.deepEqual([root?.error, root?.cause, root?.state], ['Broken', 'item 2', 'ExportShard']);
    assert.deepEqual(started, [0, 1, 2]);
    const ended = events.filter((event) => event.type === 'child-ended');
    assert.deepEqual(ended.map(({ index, status }) => [index, status]).sort(), [
      [0, 'ABORTED'],
      [1, 'ABORTED'],
      [2, 'FAILED'],
    ]);
    assert.deepEqual(
      execution.mapRuns[0]!.children.map(({ status }) => status),
      ['ABORTED', 'ABORTED', 'FAILED', ...numbers(7).map(() => 'PENDING')],
    );
  });

  it('can be caught like any other error', async () => {
    const Catch = [{ ErrorEquals: ['States.ExceedToleratedFailureThreshold'], Next: 'Caught' }];
    const definition = shardMap({ Items: [1], Catch });
    (definition.States as JsonObject).Caught = { Type: 'Pass', End: true, Output: 'caught' };
    assert.equal(await outputOf(definition, { tasks: { work: brokenFor(1) } }), 'caught');
  });
});

describe('The ResultWriter of a Map Run', () => {
  async function written(context: TestContext, fields: JsonObject, tasks: Record<string, Task>) {
    const store = await testStore(context);
    const definition = shardMap({ Items: numbers(4), MaxConcurrency: 1, ResultWriter, ...fields });
    const run = await runDefinition(definition, { store, tasks, input: { run: 'r' } });
    const arn = run.execution.mapRuns[0]!.arn;
    const folder = `runs/r/results/${arn.split(':').at(-1)}`;
    const read = async (name: string) => JSON.parse((await store.readText(`${folder}/${name}`)) ?? 'null');
    return { ...run, arn, folder, store, read };
  }

  it('gives the state the address of the manifest in place of the results', async (context) => {
    const { end, arn, folder } = await written(context, {}, { work: brokenFor() });
    assert.deepEqual(end, {
      status: 'SUCCEEDED',
      output: { MapRunArn: arn, ResultWriterDetails: { Bucket: 'bucket', Key: `${folder}/manifest.json` } },
    });
  });

  it('sorts the children into files by how they ended, named with their size by the manifest', async (context) => {
    const fields = { ToleratedFailurePercentage: 50 };
    const { arn, folder, read, store } = await written(context, fields, { work: brokenFor(2) });
    const manifest = await read('manifest.json');
    const size = async (name: string) =>
      Buffer.byteLength((await store.readText(`${folder}/${name}`)) as string);
    assert.deepEqual(manifest, {
      DestinationBucket: 'bucket',
      MapRunArn: arn,
      ResultFiles: {
        FAILED: [{ Key: `${folder}/FAILED_0.json`, Size: await size('FAILED_0.json') }],
        PENDING: [],
        SUCCEEDED: [{ Key: `${folder}/SUCCEEDED_0.json`, Size: await size('SUCCEEDED_0.json') }],
      },
    });
    const succeeded = await read('SUCCEEDED_0.json');
    assert.deepEqual(
      succeeded.map(({ Input, Output, Status }: Record<string, string>) => [Input, Output, Status]),
      [
        ['0', '0', 'SUCCEEDED'],
        ['1', '10', 'SUCCEEDED'],
        ['3', '30', 'SUCCEEDED'],
      ],
    );
    const [failed] = await read('FAILED_0.json');
    assert.deepEqual(
      [failed.Input, failed.Error, failed.Cause, failed.Status],
      ['2', 'Broken', 'item 2', 'FAILED'],
    );
    for (const child of [...succeeded, failed])
      assert.match(child.ExecutionArn, /:execution:chroma-to-pgvector\/MigrateShards:[\da-f-]{36}$/);
  });

  it('writes also when the Map Run fails, with the children that never began as pending', async (context) => {
    const { end, read } = await written(context, {}, { work: brokenFor(1) });
    assert.equal(end.status, 'FAILED');
    const inputs = async (name: string) => (await read(name)).map(({ Input }: { Input: string }) => Input);
    assert.deepEqual(await inputs('SUCCEEDED_0.json'), ['0']);
    assert.deepEqual(await inputs('FAILED_0.json'), ['1']);
    assert.deepEqual(await inputs('PENDING_0.json'), ['2', '3']);
  });

  it('begins another file before one is large', async (context) => {
    const large = 'x'.repeat(200_000);
    const fields = { Items: numbers(100) };
    const { read } = await written(context, fields, { work: () => large });
    const { SUCCEEDED: files } = (await read('manifest.json')).ResultFiles;
    assert.ok(files.length >= 2);
    let children = 0;
    for (const [number, { Size }] of files.entries()) {
      assert.ok(Size < 9 * 1024 * 1024);
      children += (await read(`SUCCEEDED_${number}.json`)).length;
    }
    assert.equal(children, 100);
  });

  it('fails the state with States.ResultWriterFailed if the store does not take the results', async (context) => {
    const store = await testStore(context);
    store.write = () => Promise.reject(new Error('no room'));
    const definition = shardMap({ Items: [1], ResultWriter });
    const failure = await failureOf(definition, { store, tasks: { work: () => 1 }, input: { run: 'r' } });
    assert.deepEqual(failure.error, 'States.ResultWriterFailed');
  });
});

describe('A Map Run of 10,000 children', () => {
  it('keeps its parent’s history small, gives each child one of its own, and takes seconds', async (context) => {
    const store = await testStore(context);
    const items = numbers(10_000).map((number) => ({ run: 'r', schema: 'docs', number }));
    await store.writeText('items.json', JSON.stringify(items));
    const definition = shardMap({ ItemReader: reader('items.json'), MaxConcurrency: 1000, ResultWriter });
    const before = process.cpuUsage();
    const tasks = { work: (shard: { number: number }) => shard.number };
    const { end, execution } = await runDefinition(definition, { store, tasks, input: { run: 'r' } });
    assert.equal(end.status, 'SUCCEEDED');
    assert.ok(execution.history.events < 20);
    assert.ok(execution.mapRuns[0]!.children.every(({ status }) => status === 'SUCCEEDED'));
    // Of the processor: the machine may have others to serve.
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 20e6, `${(user + system) / 1e6} s`);
  });
});
