/** The pages that are shown to people, in a real browser: readable on a phone, in the dark, on paper, and by axe. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { benchmarkHtml } from '../../local/benchmark/picture.ts';
import { renderReportHtml } from '../../src/report/html.ts';
import { sampleBenchmark } from '../benchmark/sample.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { emptyReport, interruptedReport, sampleReport } from '../report/sample.ts';
import { axeFindings, LOOKS, look, overflow, startBrowser } from './browser.ts';

const PAGES: Record<string, string> = {
  'a full run': renderReportHtml(sampleReport()),
  'a run that stopped amid the shards': renderReportHtml(interruptedReport()),
  'a run that failed before the plan': renderReportHtml(emptyReport()),
  'a benchmark': benchmarkHtml(sampleBenchmark()),
};

/** Both colour schemes, and both arrangements. */
const AXED = ['at a desk', 'on a phone, dark'];

describe('a page in a browser', () => {
  let browser: Browser;
  let folder: string;
  before(async () => {
    [browser, folder] = await Promise.all([startBrowser(), temporaryFolder('pages-')]);
  });
  after(() => browser?.close());

  for (const [name, text] of Object.entries(PAGES))
    it(`shows ${name} on every screen and on paper; axe finds nothing`, async () => {
      const file = join(folder, `${name}.html`);
      await writeFile(file, text);
      const address = pathToFileURL(file).href;
      for (const [how, options] of Object.entries(LOOKS)) {
        const { page, asked } = await look(browser, options);
        await page.goto(address);
        if (AXED.includes(how)) assert.deepEqual(await axeFindings(page), [], how);
        assert.equal(await overflow(page), 0, `${how}: it does not fit`);
        assert.deepEqual(asked, [address], `${how}: it asks for other addresses`);
        await page.context().close();
      }
    });

  it('shows at a desk what each collection comes to, with nothing to scroll sideways for', async () => {
    const { page } = await look(browser, LOOKS['at a desk']!);
    await page.setContent(PAGES['a full run']!);
    const hidden = await page
      .locator('.scroll')
      .evaluateAll((regions) =>
        regions
          .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
          .map((one) => one.textContent),
      );
    assert.deepEqual(hidden, []);
    await page.context().close();
  });

  it('answers a manager’s questions in their order, above all that is for engineers', async () => {
    const { page } = await look(browser, LOOKS['on a phone']!);
    await page.setContent(PAGES['a full run']!);
    const headings = await page.locator('h2').allInnerTexts();
    assert.deepEqual(headings.slice(0, 4), [
      'Did it work?',
      'How do we know?',
      'How fast was it?',
      'What next?',
    ]);
    const first = await page.locator('h1').boundingBox();
    assert.ok(first!.y < 300, 'the answer stands on the first screen of a phone');
    await page.context().close();
  });

  it('prints what is folded away on the screen', async () => {
    const { page } = await look(browser, LOOKS['on paper']!);
    await page.setContent(PAGES['a full run']!);
    const folded = page.locator('details table').first();
    assert.ok((await folded.boundingBox())!.height > 20);
    await page.context().close();
  });
});
