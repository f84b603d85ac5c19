/**
 * A program for the harness: goes through cycles until it is told to stop, on servers of its own. Needs DATABASE_URL,
 * a native server that is its alone. Its arguments are WorkerSettings in JSON.
 */
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { buildAll } from '../../local/build.ts';
import { Attempt } from './attempt.ts';
import { Cycle, type CycleResult } from './cycle.ts';
import { learnIndexes } from './invariants.ts';
import { SHARD_BYTES, World } from './world.ts';

export interface WorkerSettings {
  seed: number;
  stopMilliseconds: number;
  verbose: boolean;
}

export type Report = { ready: true; disk: boolean } | { cycle: CycleResult };

const settings = JSON.parse(process.argv[2] as string) as WorkerSettings;
const report = (line: Report) => process.stdout.write(`${JSON.stringify(line)}\n`);

// Ends what it has started: process.exit tells everybody, a signal nobody.
process.once('SIGTERM', () => process.exit(1));
process.chdir(fileURLToPath(new URL('../..', import.meta.url)));
await buildAll();
const world = await World.make(process.env.DATABASE_URL as string);
try {
  await publishFirst(world);
  report({ ready: true, disk: world.postgres.disk !== null });
  // One number a line: the cycle to go through next.
  for await (const line of createInterface({ input: process.stdin }))
    report({ cycle: await new Cycle(world, settings, Number(line)).run() });
} finally {
  await world.stop();
}
process.exit(0);

/** So that there are live tables from the first cycle on. */
async function publishFirst(world: World): Promise<void> {
  const { url, environment } = world.storeOf('folder');
  const first = new Attempt({
    ...{
      chroma: `http://127.0.0.1:${world.sources[1]!.proxy.port}`,
      target: world.target,
      store: url,
      run: 'first',
    },
    request: { shardBytes: SHARD_BYTES, sampleSize: 4 },
    ...{ hurry: 1, functionSeconds: 60, environment },
  });
  const ending = await first.ended;
  if (ending.how !== 'ended' || ending.result.status !== 'SUCCEEDED') throw new Error(JSON.stringify(ending));
  await learnIndexes(world);
}
