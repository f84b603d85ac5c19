import { accountOf, totalsOf } from './account.ts';
import { latencies } from './figures.ts';
import { account } from './html-account.ts';
import { indexBuilds, parameters, rejects, runFacts, warnings } from './html-details.ts';
import { header } from './html-header.ts';
import { html, type Markup } from './html-markup.ts';
import { nextSteps } from './html-next.ts';
import { proof } from './html-proof.ts';
import { speed } from './html-speed.ts';
import { STYLE } from './html-style.ts';
import type { RunReport } from './report.ts';

/**
 * The report as one HTML file that needs nothing else: no script, no address, style and plots inline. It answers
 * in this order: did it work, how do we know, how fast was it, what next; then the details.
 */
export function renderReportHtml(report: RunReport): string {
  const totals = totalsOf(report.collections.map(accountOf));
  const searches = latencies(report);
  const main = [
    account(report, totals),
    proof(report),
    speed(report, searches),
    nextSteps(report, totals),
    html`<section aria-labelledby="details"><h2 id="details">Details</h2>
${[warnings(report), indexBuilds(report), parameters(report), rejects(report), runFacts(report)]}</section>
`,
  ];
  return page(`${report.run}: migration ${report.status}`, header(report, totals, searches), main);
}

/** The policy is a second lock: even if something unescaped slipped in, no script and no address would load. */
function page(title: string, top: Markup, main: Markup[]): string {
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="color-scheme" content="light dark"/>
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<div class="page">
<a class="skip" href="#main">To the figures</a>
${top}<main id="main">
${main}</main>
<footer><p>Made by chroma-to-pgvector. The same figures for machines are in report.json beside this file, and in certificate.json those that can be checked again at any later time.</p></footer>
</div>
</body>
</html>
`.text;
}
