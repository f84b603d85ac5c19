/**
 * What each function of the state machine needs in a whole run: its peak memory beside what its definition gives it.
 * `node --import ./local/sql-loader.ts bench/function-memory.ts [RECORDS]`, with `DATABASE_URL` for a native server. The
 * sizes of lib/steps.ts are held against it in docs/aws.md.
 */
import { readFileSync } from 'node:fs';
import { readAssembly } from '../local/assembly.ts';
import { buildAll } from '../local/build.ts';
import { executeMigration } from '../test/fixtures/execution.ts';
import { fill, openSetting } from './setting.ts';

/** The peak is the kernel's own; a look this often misses only what ends in between. */
const LOOK_MILLISECONDS = 20;

const records = Number(process.argv[2] ?? 50_000);
const setting = await openSetting();
const peaks = new Map<string, number>();
const alive = new Map<number, string>();
const look = () => {
  for (const [pid, name] of alive) peaks.set(name, Math.max(peaks.get(name) ?? 0, peakMb(pid)));
};
const timer = setInterval(look, LOOK_MILLISECONDS);
try {
  const { assembly } = await buildAll();
  await fill(setting, { name: 'measured', dimension: 384, records });
  const result = await executeMigration(
    {
      chroma: setting.chromaServer.url,
      target: setting.postgres.url,
      store: setting.store.url,
      run: 'memory',
    },
    (event) => {
      if (event.type === 'environment-started') alive.set(event.pid, event.function);
      if (event.type === 'environment-ended') alive.delete(event.pid);
    },
  );
  if (result.status !== 'SUCCEEDED') throw new Error(`The run ended as ${result.status}: ${result.cause}`);
  for (const { name, memoryMb, timeoutSeconds } of readAssembly(assembly).functions.values()) {
    const peak = peaks.get(name);
    if (peak !== undefined)
      process.stdout.write(
        `${name}: ${Math.round(peak)} MB of ${memoryMb} MB, time-out ${timeoutSeconds} s\n`,
      );
  }
} finally {
  clearInterval(timer);
  await setting.close();
}

/** The most physical memory that the process ever had (proc(5), VmHWM); 0 once it has ended. */
function peakMb(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
