import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** The system's Chromium, without a window. `CHROMIUM` names another. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? PLACES.find((place) => existsSync(place));
  assert.ok(executablePath, 'There is no Chromium: apt-get install chromium, or name one in CHROMIUM.');
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
}

/** How a page is looked at. */
export const LOOKS: Record<string, BrowserContextOptions & { print?: true }> = {
  'at a desk': { viewport: { width: 1280, height: 900 } },
  'at a desk, dark': { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
  'on a phone': { viewport: { width: 390, height: 844 }, isMobile: true, deviceScaleFactor: 2 },
  'on a phone, dark': { viewport: { width: 390, height: 844 }, isMobile: true, colorScheme: 'dark' },
  // A4 within the margins that the pages ask for.
  'on paper': { viewport: { width: 687, height: 1009 }, print: true },
};

/** Opens a page in a look of its own, with the addresses that it asks for beside its own. */
export async function look(
  browser: Browser,
  { print, ...options }: (typeof LOOKS)[string],
): Promise<{ page: Page; asked: string[] }> {
  // axe is put into the page, which its own policy would refuse.
  const context = await browser.newContext({ ...options, bypassCSP: true });
  const page = await context.newPage();
  if (print) await page.emulateMedia({ media: 'print' });
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  return { page, asked };
}

/** What axe finds, one line each; all of its rules, the advised ones included. */
export async function axeFindings(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations } = (await page.evaluate('axe.run()')) as {
    violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[];
  };
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary ?? ''}`),
  );
}

/** Pixels by which the page is wider than its window. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  ) as Promise<number>;
