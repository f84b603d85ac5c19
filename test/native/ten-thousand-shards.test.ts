/** A run of ten thousand shards through the local runner, whose functions do nothing: what the runner itself costs. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Assembly } from '../../local/assembly.ts';
import { Progress } from '../../local/progress/progress.ts';
import { runExecution } from '../../local/run-execution.ts';
import { StateFailure } from '../../local/state-machine/errors.ts';
import { bytesOf } from '../../local/state-machine/json.ts';
import { PAYLOAD_BYTES } from '../../local/state-machine/limits.ts';
import type { ShardItem } from '../../src/contract.ts';
import { openStore } from '../../src/store/open-store.ts';
import { idleAssembly } from '../fixtures/idle-functions.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const RECORDS_A_SHARD = 100;

interface Measured {
  /** Of the runner's own process, as is what follows: what the machine does beside it takes no processor from it. */
  millisecondsAShard: number;
  heapBytesAShard: number;
  /** Work without a look at what else has come, milliseconds of the processor. */
  longestPause: number;
  /** Shares of the records that the progress showed as imported, one look a tenth of a second. */
  shown: number[];
  children: number;
  visits: number;
}

async function runShards(assembly: Assembly, count: number): Promise<Measured> {
  const store = await openStore(await temporaryFolder('ten-thousand-'));
  await store.writeText(
    'shards.json',
    JSON.stringify(Array.from({ length: count }, (_, at) => ({ items: [shardAt(at, count)] }))),
  );
  await store.writeText('collections.json', JSON.stringify([{ items: [{ run: 'idle', schema: 'docs' }] }]));
  const progress = new Progress();
  progress.log({ message: 'planned', records: count * RECORDS_A_SHARD, collections: 1 }, Date.now());
  const shown: number[] = [];
  const display = setInterval(() => {
    const { phase, done, total } = progress.view(Date.now());
    if (phase === 'import') shown.push(done / total);
  }, 100);
  let longestPause = 0;
  let looked = 0;
  let children = 0;
  let visits = 0;
  collectGarbage();
  const heap = process.memoryUsage().heapUsed;
  const started = worked();
  looked = started;
  const look = setInterval(() => {
    longestPause = Math.max(longestPause, worked() - looked);
    looked = worked();
  }, 10);
  const result = await runExecution({
    assembly,
    name: 'idle',
    input: {},
    environment: {},
    store,
    rds: { call: async () => assert.fail('nothing is set') },
    onEvent(event) {
      if (event.type === 'child-ended') children++;
      if (event.type === 'state-entered') {
        visits++;
        progress.state(event.state);
      }
      if (event.type === 'log') progress.log(event.fields, Date.now());
    },
  });
  const milliseconds = worked() - started;
  clearInterval(display);
  clearInterval(look);
  assert.equal(result.status, 'SUCCEEDED', JSON.stringify(result));
  collectGarbage();
  return {
    millisecondsAShard: milliseconds / count,
    heapBytesAShard: (process.memoryUsage().heapUsed - heap) / count,
    ...{ longestPause, shown, children, visits },
  };
}

/** Milliseconds that this process has had of the processors. */
function worked(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What is left then is held by somebody. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

/** As large as a shard of a real plan: names of 512 characters. */
const shardAt = (number: number, count: number): ShardItem => ({
  ...{ run: 'idle', tenant: 'default_tenant', database: 'default_database', collection: 'c'.repeat(512) },
  ...{ collectionId: '6d1b6a8e-3f59-4d5f-9c5b-0a6a5d0e5a11', schema: 'docs', dimension: 1536, number },
  ...{
    offset: number * RECORDS_A_SHARD,
    records: RECORDS_A_SHARD,
    collectionRecords: count * RECORDS_A_SHARD,
  },
  ...{
    content: 'rows',
    idsHash: 'c'.repeat(64),
    byIds: false,
    firstIdHash: 'a'.repeat(64),
    lastIdHash: 'b'.repeat(64),
    format: 'pgcopy',
    layout: 'guide',
    pageSize: 300,
  },
});

describe('ten thousand shards', () => {
  let few: Measured;
  let many: Measured;
  before(async () => {
    const assembly = await idleAssembly();
    // The first one pays for the processes and for what the compiler learns.
    await runShards(assembly, 500);
    few = await runShards(assembly, 1_000);
    many = await runShards(assembly, 10_000);
  });

  it('are all run, each once', () => {
    // Beside them one child each to index and to verify the collection.
    assert.equal(many.children, 10_000 + 2);
    assert.equal(many.visits - few.visits, 9_000 * 2);
  });

  it('cost no more each than a thousand', (context) => {
    const line = ({ millisecondsAShard, heapBytesAShard, longestPause }: Measured) =>
      `${millisecondsAShard.toFixed(2)} ms and ${Math.round(heapBytesAShard)} bytes a shard, longest pause ${Math.round(longestPause)} ms`;
    context.diagnostic(`1,000 shards: ${line(few)}; 10,000: ${line(many)}`);
    // Half as much again for caches that others use too: what grows with the number of shards would be ten times as much.
    assert.ok(many.millisecondsAShard < 1.5 * few.millisecondsAShard, line(many));
    assert.ok(many.heapBytesAShard < 4_096, line(many));
  });

  it('leave the progress live from the first to the last', () => {
    assert.ok(many.shown.every((share, at) => at === 0 || share >= many.shown[at - 1]!));
    const steps = new Set(many.shown.map((share) => Math.floor(share * 20)));
    assert.ok(steps.size >= 19, `seen: ${[...steps]}`);
    assert.ok(many.longestPause < 1_000, `${many.longestPause} ms`);
  });

  it('have payloads that are far from the limit, and one that is over it ends its child', async () => {
    assert.ok(bytesOf(shardAt(9_999, 10_000) as never) < PAYLOAD_BYTES / 100);
    const assembly = await idleAssembly();
    const store = await openStore(await temporaryFolder('ten-thousand-'));
    const huge = { ...shardAt(0, 1), collection: 'c'.repeat(PAYLOAD_BYTES) };
    await store.writeText('shards.json', JSON.stringify([{ items: [huge] }, { items: [shardAt(1, 2)] }]));
    await store.writeText('collections.json', '[]');
    const ends: (string | undefined)[] = [];
    await runExecution({
      ...{ assembly, name: 'idle', input: {}, environment: {}, store },
      rds: { call: async () => assert.fail(StateFailure.name) },
      onEvent: (event) => void (event.type === 'child-ended' && ends.push(event.error)),
    });
    assert.deepEqual(ends.sort(), ['States.DataLimitExceeded', undefined]);
  });
});
