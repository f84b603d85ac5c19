/** The page of a run that goes on, in a real browser. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { readAssembly } from '../../local/assembly.ts';
import { Progress } from '../../local/progress/progress.ts';
import { progressLine } from '../../local/progress/progress-line.ts';
import type { ExecutionEvent } from '../../local/run-execution.ts';
import { RunView } from '../../local/ui/run-view.ts';
import { startUi, type Ui } from '../../local/ui/server.ts';
import { FileStore } from '../../src/store/file-store.ts';
import { keys } from '../../src/store/keys.ts';
import { startGate } from '../command-line/servers.ts';
import { startTestChroma } from '../fixtures/chroma.ts';
import { startCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { startTestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { axeFindings, LOOKS, look, overflow, startBrowser } from './browser.ts';

const ASSEMBLY = fileURLToPath(new URL('../../dist/assembly', import.meta.url));
const RUN = 'nightly';
const shards = Array.from({ length: 6 }, (_, number) => ({ schema: 'docs', number, records: 100 }));

const entered = (...path: string[]): ExecutionEvent => ({ type: 'state-entered', state: path.at(-1)!, path });
const exited = (...path: string[]): ExecutionEvent => ({
  output: null,
  type: 'state-exited',
  state: path.at(-1)!,
  path,
});
const log = (fields: Record<string, unknown>): ExecutionEvent => ({
  ...{ type: 'log', function: 'f', pid: 1, fields },
});

describe('the page of a run', () => {
  let browser: Browser;
  let progress: Progress;
  let view: RunView;
  let ui: Ui;

  before(async () => {
    browser = await startBrowser();
    const store = new FileStore(await temporaryFolder('ui-'));
    await store.writeText(
      keys.shardBatches(RUN),
      JSON.stringify(shards.map((shard) => ({ items: [shard] }))),
    );
    progress = new Progress();
    view = new RunView(RUN, readAssembly(ASSEMBLY).definition, store);
    ui = await startUi(view, progress);
    tell(entered('Plan'));
    tell(log({ message: 'planned', records: 600, collections: 1, shards: 6 }));
    for (const state of ['Plan', 'PrepareDatabase']) tell(entered(state), exited(state));
    tell(exited('Plan'), entered('MigrateShards'));
    tell({ type: 'map-run-started', state: 'MigrateShards', items: 6, mapRun: 'm' });
    tell(entered('MigrateShards', '0', 'ExportShard'));
  });
  after(async () => {
    await ui?.close();
    await browser?.close();
  });

  /** What the terminal is told, the page is told. */
  function tell(...events: ExecutionEvent[]): void {
    for (const event of events) {
      if (event.type === 'state-entered') progress.state(event.state);
      if (event.type === 'log') progress.log(event.fields, Date.now());
      view.follow(event);
    }
  }
  const open = async (how = 'at a desk'): Promise<{ page: Page; asked: string[] }> => {
    const opened = await look(browser, LOOKS[how]!);
    await opened.page.goto(ui.url);
    await opened.page.waitForSelector('html[data-live="yes"]');
    return opened;
  };
  const counts = async (page: Page) =>
    (await page.locator('#shards .legend').innerText()).replaceAll('\n', ' ');

  it('shows the present state in the graph, and changes while it is looked at', async () => {
    const { page, asked } = await open();
    assert.equal(await page.locator('[data-state="MigrateShards"]').getAttribute('data-look'), 'present');
    assert.equal(await page.locator('[data-state="PrepareDatabase"]').getAttribute('data-look'), 'done');
    assert.equal(await page.locator('[data-state="Publish"]').getAttribute('data-look'), 'waiting');
    await page.waitForFunction(`document.querySelectorAll('#shards .grid .cell').length === 6`);
    tell(
      log({ message: 'shard exported', schema: 'docs', shard: 0, records: 100, rejected: 2, skipped: false }),
    );
    tell(entered('MigrateShards', '1', 'ExportShard'));
    tell(log({ message: 'progress', phase: 'import', schema: 'docs', shard: 0, records: 50 }));
    await page.waitForSelector('.grid .importing');
    assert.equal(await counts(page), '4 waiting 1 exporting 0 exported 1 importing 0 imported 0 failed');
    assert.equal(await page.locator('#rejected').innerText(), '2');
    const address = new URL(ui.url).origin;
    assert.deepEqual(
      asked.filter((url) => !url.startsWith(address) && !url.startsWith('data:')),
      [],
    );
    await page.context().close();
  });

  it('says the same as the terminal', async () => {
    const { page } = await open();
    const terminal = progressLine(progress.view(Date.now())).replaceAll(/ +/g, ' ');
    const said = (await page.locator('#line').innerText()).replaceAll(/ +/g, ' ');
    const words = (line: string) => line.split(' (')[0];
    assert.equal(words(said), words(terminal));
    assert.match(said, /^Importing 50 of 600 records/);
    await page.context().close();
  });

  it('tells retries and failures in words, whatever is in them', async () => {
    const { page } = await open();
    tell({
      ...{ type: 'retry', state: 'ImportShard', path: ['MigrateShards', '1', 'ImportShard'] },
      ...{ error: 'TargetBusy', cause: '<img src=x onerror=alert(1)>', attempt: 1, waitSeconds: 2 },
    });
    tell({
      type: 'child-ended',
      state: 'MigrateShards',
      index: 2,
      status: 'FAILED',
      error: 'Gone',
      cause: 'x',
    });
    await page.waitForSelector('.grid .failed');
    assert.match(await page.locator('#happenings').innerText(), /<img src=x onerror=alert\(1\)>/);
    assert.equal(await page.locator('#happenings img').count(), 0);
    await page.context().close();
  });

  for (const how of Object.keys(LOOKS).filter((one) => one !== 'on paper'))
    it(`fits ${how}, and axe finds nothing`, async () => {
      const { page } = await open(how);
      // Both colour schemes, and both arrangements.
      if (how !== 'on a phone' && how !== 'at a desk, dark') assert.deepEqual(await axeFindings(page), []);
      assert.equal(await overflow(page), 0);
      await page.context().close();
    });

  it('lets in nobody without the token, nor by another name than its own', async () => {
    const { port, pathname } = new URL(ui.url);
    const status = (path: string, host: string, method = 'GET') =>
      new Promise<number>((resolve, reject) => {
        request({ host: '127.0.0.1', port, path, method, headers: { host } }, (answer) => {
          answer.resume();
          resolve(answer.statusCode!);
        })
          .on('error', reject)
          .end();
      });
    const own = `127.0.0.1:${port}`;
    assert.equal(await status(pathname, own), 200);
    assert.equal(await status(pathname, `evil.example:${port}`), 403);
    assert.equal(await status(`/${'x'.repeat(32)}/`, own), 404);
    assert.equal(await status('/', own), 404);
    assert.equal(await status(`/${'x'.repeat(32)}/events`, own), 404);
    assert.equal(await status(pathname, own, 'POST'), 405);
  });

  it('says how it ended, and is gone with the run', async () => {
    const { page } = await open();
    view.ended({ status: 'SUCCEEDED', output: null });
    await ui.close();
    await page.waitForSelector('html[data-ended="SUCCEEDED"]');
    assert.match(await page.locator('#headline').innerText(), /Succeeded/);
    await assert.rejects(fetch(ui.url));
    await page.context().close();
  });
});

describe('migrate --ui', () => {
  it('shows a real run to its end', async () => {
    const [browser, chroma, postgres, store] = await Promise.all([
      ...([startBrowser(), startTestChroma(), startTestPostgres(), temporaryFolder('ui-run-')] as const),
    ]);
    // No record is read before somebody looks.
    const looking = Promise.withResolvers<boolean>();
    const gate = await startGate(chroma.url, ({ url }) => (url?.endsWith('/get') ? looking.promise : true));
    try {
      await fillCollection(chroma.url, { name: 'docs', dimension: 64, records: 800 });
      const command = startCommand([
        ...['migrate', '--source', gate.url, '--target', postgres.url, '--store', store],
        ...['--ui', '--shard-bytes', '64KB', '--run', 'looked-at'],
      ]);
      const address = await new Promise<string>((resolve) => {
        command.process.stderr!.on('data', (text: string) => {
          const found = /http:\/\/127\.0\.0\.1:\d+\/\S+/.exec(text);
          if (found) resolve(found[0]);
        });
      });
      const { page } = await look(browser, LOOKS['at a desk']!);
      await page.goto(address);
      await page.waitForSelector('html[data-live="yes"]');
      looking.resolve(true);
      const { code, stderr } = await command.finished;
      assert.equal(code, 0, stderr);
      await page.waitForSelector('html[data-ended="SUCCEEDED"]');
      assert.equal(await page.locator('#line').innerText(), '800 of 800 records imported');
      const planned = JSON.parse(await readFile(join(store, keys.shards('looked-at')), 'utf8')) as unknown[];
      assert.equal(await page.locator('.grid .imported').count(), planned.length);
      assert.equal(await page.locator('.state[data-look="done"][data-state="Publish"]').count(), 1);
    } finally {
      await Promise.all([browser.close(), gate.stop(), chroma.stop(), postgres.stop()]);
    }
  });
});
