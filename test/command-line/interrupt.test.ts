/** Ctrl-C: a sentence how to go on, no process left behind, and a run that goes on. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TcpProxy } from '../faults/tcp-proxy.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { type RunningCommand, startCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { startServer } from './servers.ts';

describe('an interrupted command', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let store: string;

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    await fillCollection(chroma.url, { name: 'docs', dimension: 64, records: 1500 });
    store = await temporaryFolder('interrupt-');
    // Other tests' commands leave their folders for a while where all do.
    process.env.TMPDIR = await temporaryFolder('interrupt-tmp-');
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  const migrate = (run: string): string[] => [
    ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store, '--run', run],
    ...['--shard-bytes', '64KB', '--take-over'],
  ];

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    it(`says how to go on after ${signal}, and leaves no process`, async () => {
      const command = startCommand(migrate(`stopped-${signal}`));
      await untilSaid(command, /Exporting|Importing/);
      command.process.kill(signal);
      const { code, stderr } = await command.finished;
      assert.equal(code, 1, stderr);
      assert.match(
        stderr,
        new RegExp(`Stopped as asked: go on with the same command and --run stopped-${signal}\\.\\n$`),
      );
      await assertNoneLeft(command);
    });

  it('takes two at once for one, as npm hands on what the terminal sends', async () => {
    const command = startCommand(migrate('stopped-SIGINT'));
    await untilSaid(command, /Exporting|Importing/);
    command.process.kill('SIGINT');
    command.process.kill('SIGINT');
    const { code, stderr } = await command.finished;
    assert.equal(code, 1);
    assert.match(stderr, /Stopped as asked/);
    await assertNoneLeft(command);
  });

  it('stops at once when it is asked again, whatever the first is waiting for', async () => {
    const { hostname, port } = new URL(postgres.url);
    const proxy = await TcpProxy.start({ host: hostname, port: Number(port) });
    const behind = new URL(postgres.url);
    behind.host = `127.0.0.1:${proxy.port}`;
    try {
      const command = startCommand(
        migrate('stopped-twice').map((word) => (word === postgres.url ? behind.href : word)),
      );
      await untilSaid(command, /Exporting|Importing/);
      // The report of a stopped run asks the ledger, which answers no more.
      proxy.weather = { kind: 'stall' };
      const isTold = untilSaid(command, /once more to stop at once/);
      command.process.kill('SIGINT');
      await isTold;
      // Longer than what counts as one press.
      await sleep(1000);
      assert.equal(command.process.exitCode, null);
      command.process.kill('SIGINT');
      const { code, stderr } = await command.finished;
      assert.equal(code, 1);
      // With which it would end by itself, once it had given the ledger up.
      assert.doesNotMatch(stderr, /Stopped as asked/);
      await assertNoneLeft(command);
    } finally {
      await proxy.stop();
    }
  });

  it('goes on where it stopped', async () => {
    const { code, stderr } = await startCommand(migrate('stopped-SIGINT')).finished;
    assert.equal(code, 0, stderr);
  });

  it('stops before the run begins too', async () => {
    let asked = () => {};
    const silent = await startServer(() => asked());
    const before = await verifyFolders();
    try {
      for (const args of [
        ['migrate', '--source', silent.url, '--target', postgres.url, '--store', store],
        ['verify', '--source', silent.url, '--target', postgres.url],
      ]) {
        const isAsked = new Promise<void>((resolve) => {
          asked = resolve;
        });
        const command = startCommand([...args, '--json']);
        await isAsked;
        command.process.kill('SIGINT');
        const { code, stdout, stderr } = await command.finished;
        assert.deepEqual([code, JSON.parse(stdout).error.name], [1, 'Interrupted'], stderr);
        await assertNoneLeft(command);
      }
      assert.deepEqual(await verifyFolders(), before);
    } finally {
      await silent.stop();
    }
  });
});

const verifyFolders = async () =>
  (await readdir(tmpdir())).filter((name) => name.startsWith('chroma-to-pgvector-verify-'));

/** Resolves when standard error has said it. */
function untilSaid({ process: child, finished }: RunningCommand, words: RegExp): Promise<void> {
  let said = '';
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', (text: string) => {
      said += text;
      if (words.test(said)) resolve();
    });
    void finished.then(() => reject(new Error(`It has ended before: ${said}`)));
  });
}

/** The command leads a process group of its own. A child that sees its parent gone needs a moment to end. */
async function assertNoneLeft({ process: { pid } }: RunningCommand): Promise<void> {
  for (let tried = 0; tried < 200 && groupLives(pid as number); tried++) await sleep(100);
  assert.ok(!groupLives(pid as number));
}

function groupLives(leader: number): boolean {
  try {
    return process.kill(-leader, 0);
  } catch {
    return false;
  }
}
