/** How long the embedded servers live, and what of their data outlives them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbeddedChroma } from '../../local/embedded-chroma/start.ts';
import { whyNot } from '../../local/embedded-chroma/why-not.ts';
import { startEmbeddedPostgres } from '../../local/embedded-postgres/start.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { newDataFolder } from '../fixtures/postgres.ts';
import { withClient } from './clients.ts';

/** For Chroma, and of an empty Postgres. */
let folder: string;
let postgresFolder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedded-'));
  postgresFolder = await newDataFolder();
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
  await rm(postgresFolder, { recursive: true, force: true });
});

const COLLECTIONS = '/api/v2/tenants/default_tenant/databases/default_database/collections';

describe('the embedded Postgres', () => {
  it('keeps what was committed, however it ended', async () => {
    const place = { folder: postgresFolder };
    const first = await startEmbeddedPostgres(place);
    await withClient(first, async (client) => {
      await client.query('create table t (a int); insert into t values (1)');
      await client.query('begin; insert into t values (2)');
      process.kill(first.pid, 'SIGKILL');
    }).catch(() => undefined);
    await untilGone(first.pid);
    await first.stop();

    const second = await startEmbeddedPostgres(place);
    await withClient(second, (client) => client.query('insert into t values (3)'));
    await second.stop();

    const third = await startEmbeddedPostgres(place);
    const { rows } = await withClient(third, (client) => client.query('select a from t order by a'));
    await third.stop();
    assert.deepEqual(rows, [{ a: 1 }, { a: 3 }]);
  });

  it('lets nobody else into its folder', async () => {
    const place = { folder: postgresFolder };
    const server = await startEmbeddedPostgres(place);
    try {
      await assert.rejects(startEmbeddedPostgres(place), {
        name: 'TargetRefused',
        message: new RegExp(`already run by process ${server.pid}`),
      });
    } finally {
      await server.stop();
    }
  });

  it('says when its folder cannot be made', async () => {
    await assert.rejects(startEmbeddedPostgres({ folder: '/proc/nowhere' }), { name: 'TargetRefused' });
  });
});

describe('the embedded Chroma', () => {
  it('keeps what it holds, and says its release', async () => {
    const place = { folder: join(folder, 'chroma') };
    const first = await startEmbeddedChroma(place);
    assert.match(first.version, /^\d+\.\d+\.\d+$/);
    const id = await fillCollection(first.url, { name: 'some-records', dimension: 8, records: 100 });
    await first.stop();
    await untilGone(first.pid);

    const second = await startEmbeddedChroma(place);
    const answer = await fetch(`${second.url}${COLLECTIONS}/${id}/count`);
    assert.equal(await answer.json(), 100);
    await second.stop();
  });

  it('says which C library it needs where that is missing', () => {
    const said = `Error: /lib/x86_64-linux-gnu/libc.so.6: version \`GLIBC_2.38' not found (required by bindings.node)`;
    assert.match(
      whyNot(said).message,
      /needs glibc 2\.38 and this machine has \S+: start .* pass .* --source\.$/,
    );
    assert.match(whyNot("Error: Cannot find module 'chromadb-js-bindings'").message, /is not installed for/);
  });

  it('says in one sentence when it cannot start', async () => {
    const server = await startEmbeddedChroma({ folder: join(folder, 'first') });
    try {
      const port = Number(new URL(server.url).port);
      await assert.rejects(startEmbeddedChroma({ folder: join(folder, 'second'), port }), {
        name: 'SourceUnavailable',
        message: /does not start \(.*EADDRINUSE/,
      });
    } finally {
      await server.stop();
    }
  });
});

for (const [name, script] of Object.entries({
  Postgres: `import { startEmbeddedPostgres } from './local/embedded-postgres/start.ts';
    console.log((await startEmbeddedPostgres({ folder: process.argv[1] })).pid);`,
  Chroma: `import { startEmbeddedChroma } from './local/embedded-chroma/start.ts';
    console.log((await startEmbeddedChroma({ folder: process.argv[1] })).pid);`,
}))
  describe(`the embedded ${name}`, () => {
    for (const [end, rest] of Object.entries({
      'is killed': 'process.kill(process.pid, "SIGKILL")',
      'forgets to stop it': '',
      fails: 'throw new Error("on purpose")',
    }))
      it(`does not outlive a program that ${end}`, async () => {
        const parent = spawn(
          process.execPath,
          [
            '--input-type=module',
            '--eval',
            `${script}\n${rest}`,
            name === 'Postgres' ? postgresFolder : join(folder, 'chroma'),
          ],
          { cwd: join(import.meta.dirname, '../..'), stdio: ['ignore', 'pipe', 'ignore'] },
        );
        const exit = once(parent, 'exit');
        const said = await text(parent.stdout);
        await exit;
        await untilGone(Number(said));
      });
  });

async function untilGone(pid: number): Promise<void> {
  assert.ok(pid > 0);
  for (let tried = 0; tried < 200; tried++) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await sleep(50);
  }
  process.kill(pid, 'SIGKILL');
  assert.fail(`process ${pid} lived on`);
}
