/** A runner that is killed cannot tidy up: its functions' processes must end by themselves. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

it('The processes of a runner that is killed end with it', { timeout: 20_000 }, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'chroma-to-pgvector-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(
    join(folder, 'work.mjs'),
    'export const handler = () => new Promise((done) => setTimeout(done, 60_000));',
  );
  const pool = pathToFileURL(join(import.meta.dirname, '../../local/lambda/lambda-pool.ts')).href;
  const definition = {
    name: 'Work',
    handler: 'work.handler',
    codeFolder: folder,
    memoryMb: 256,
    timeoutSeconds: 60,
    environment: {},
  };
  const runner = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { LambdaPool } from '${pool}';
       const emit = (event) => event.pid && console.log(event.pid);
       const pool = new LambdaPool({ definition: ${JSON.stringify(definition)}, environment: {}, emit });
       await pool.invoke({}, new AbortController().signal);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  context.after(() => runner.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: runner.stdout }), 'line')) as [string];
  const pid = Number(line);
  context.after(() => isRunning(pid) && process.kill(pid, 'SIGKILL'));
  // Time to load the handler and begin: the harder case.
  await sleep(500);
  assert.equal(isRunning(pid), true);
  runner.kill('SIGKILL');
  for (let waited = 0; isRunning(pid) && waited < 5000; waited += 50) await sleep(50);
  assert.equal(isRunning(pid), false);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
