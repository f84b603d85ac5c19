/**
 * What each function of the state machine needs in a whole run: its peak memory and its longest call.
 * `node --import ./local/sql-loader.ts bench/function-sizes.ts [RECORDS] [COLLECTIONS]`, with `DATABASE_URL` for a native
 * server: one collection of as many records, and as many small ones. lib/step-sizes.ts has what came of it.
 */
import { readFileSync } from 'node:fs';
import { readAssembly } from '../local/assembly.ts';
import { buildAll } from '../local/build.ts';
import { fillEstate } from '../test/fixtures/estate.ts';
import { executeMigration } from '../test/fixtures/execution.ts';
import { fill, openSetting } from './setting.ts';

/** The peak is the kernel's own; a look this often misses only what ends in between. */
const LOOK_MILLISECONDS = 20;

const records = Number(process.argv[2] ?? 50_000);
const collections = Number(process.argv[3] ?? 200);
const setting = await openSetting();
const peaks = new Map<string, number>();
const alive = new Map<number, string>();
const longest = new Map<string, number>();
const entered = new Map<string, number>();
const look = () => {
  for (const [pid, name] of alive) peaks.set(name, Math.max(peaks.get(name) ?? 0, peakMb(pid)));
};
const timer = setInterval(look, LOOK_MILLISECONDS);
try {
  const { assembly } = await buildAll();
  await fill(setting, { name: 'measured', dimension: 384, records });
  await fillEstate(setting.chromaServer.url, { collections, records: 10, dimension: 384 });
  const result = await executeMigration(
    {
      chroma: setting.chromaServer.url,
      target: setting.postgres.url,
      store: setting.store.url,
      run: 'sizes',
      request: { tune: 'apply' },
    },
    (event) => {
      if (event.type === 'environment-started') alive.set(event.pid, event.function);
      if (event.type === 'environment-ended') alive.delete(event.pid);
      // A state of one function: from its entry to its exit, the start of its environment with it.
      if (event.type === 'state-entered') entered.set(event.path.join('/') + event.state, performance.now());
      if (event.type === 'state-exited') {
        const seconds = (performance.now() - (entered.get(event.path.join('/') + event.state) ?? 0)) / 1000;
        const step = stepOf(event.state);
        longest.set(step, Math.max(longest.get(step) ?? 0, seconds));
      }
    },
  );
  if (result.status !== 'SUCCEEDED') throw new Error(`The run ended as ${result.status}: ${result.cause}`);
  for (const { name, handler, memoryMb, timeoutSeconds } of readAssembly(assembly).functions.values()) {
    const step = handler.split('.')[0] as string;
    const peak = peaks.get(name);
    if (peak !== undefined)
      process.stdout.write(
        `${step}: ${Math.round(peak)} MB of ${memoryMb} MB, ${longest.get(step)?.toFixed(2)} s of ${timeoutSeconds} s\n`,
      );
  }
} finally {
  clearInterval(timer);
  await setting.close();
}

/** `ImportUnfinishedShard`, too, is a state of `import-shard`. */
function stepOf(state: string): string {
  const name = state.replace(/^(Export|Import)Unfinished/, '$1');
  return name.replace(/(?!^)[A-Z]/g, '-$&').toLowerCase();
}

/** The most physical memory that the process ever had (proc(5), VmHWM); 0 once it has ended. */
function peakMb(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
