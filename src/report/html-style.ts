import { Markup } from './html-markup.ts';

/**
 * One accent, one grey for what it is compared with, and red for nothing but a failure. Contrast of text to
 * its ground is at least 4.5 in both schemes, of a plot's marks at least 3 (WCAG 2.2, 1.4.3 and 1.4.11).
 */
const LIGHT = `
  --ground: #ffffff; --raised: #f6f7f9; --line: #dfe3e8; --ink: #171b21; --soft: #59626e;
  --accent: #2456c7; --accent-wash: #e6edfb; --other: #7a8492; --bad: #b3261e; --bad-wash: #fcebe9;`;
const DARK = `
  --ground: #13161b; --raised: #1b2027; --line: #2e353f; --ink: #e8ebef; --soft: #a2abb8;
  --accent: #8db1ff; --accent-wash: #1d2940; --other: #858f9e; --bad: #ff9b90; --bad-wash: #3a1d1b;`;

export const STYLE = new Markup(`
:root { color-scheme: light dark; ${LIGHT}
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace; }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 var(--sans); font-variant-numeric: tabular-nums; }
.page { max-width: 66rem; margin: 0 auto; padding: 3rem 2rem 4rem; }
h1, h2, h3 { line-height: 1.2; text-wrap: balance; letter-spacing: -0.012em; margin: 0; }
h1 { font-size: clamp(1.75rem, 1.2rem + 2.4vw, 2.75rem); font-weight: 650; max-width: 22em; }
h2 { font-size: 1.4rem; font-weight: 650; }
h3 { font-size: 1rem; font-weight: 650; letter-spacing: 0; }
p { margin: 0; max-width: 46rem; text-wrap: pretty; }
a { color: var(--accent); }
a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; }
.soft { color: var(--soft); }
.small { font-size: 0.875rem; }
.break { overflow-wrap: anywhere; }
code, pre, .mono { font-family: var(--mono); font-size: 0.86em; font-variant-ligatures: none; }
code { overflow-wrap: anywhere; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 1rem; background: var(--ground); padding: 0.5rem 1rem; }

.kicker { display: flex; flex-wrap: wrap; gap: 0.25rem 0.9rem; align-items: center; margin-bottom: 1.4rem;
  font-size: 0.875rem; color: var(--soft); }
.status { display: inline-flex; align-items: center; gap: 0.45rem; padding: 0.15rem 0.7rem 0.15rem 0.55rem;
  border-radius: 99px; font-weight: 600; background: var(--accent-wash); color: var(--accent); }
.status.failed { background: var(--bad-wash); color: var(--bad); }
.status svg { width: 0.95rem; height: 0.95rem; }
.lead { margin-top: 1rem; font-size: 1.1rem; color: var(--soft); max-width: 40rem; }
.error { margin-top: 1.5rem; padding: 0.9rem 1.1rem; border-left: 3px solid var(--bad); background: var(--bad-wash);
  max-width: 48rem; overflow-wrap: anywhere; }
.error .small { color: var(--soft); margin-top: 0.25rem; }

.key { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); margin: 2.5rem 0 0;
  border-top: 1px solid var(--line); }
.key div { padding: 1rem 1.25rem 0 0; display: flex; flex-direction: column; }
.key dt { font-size: 0.875rem; color: var(--soft); order: 1; }
.key dd { margin: 0; font-size: 1.6rem; font-weight: 600; letter-spacing: -0.02em; line-height: 1.25; white-space: nowrap; }
.key dd + dd { order: 2; font-size: 0.875rem; font-weight: 400; letter-spacing: 0; color: var(--soft); white-space: normal; }

section { margin-top: 4rem; }
section > h2 + p { margin-top: 0.5rem; color: var(--soft); }
section h3 { margin-top: 2.25rem; }
section h3 + p { margin-top: 0.25rem; color: var(--soft); font-size: 0.9375rem; }

.scroll { overflow-x: auto; margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; }
caption { text-align: left; color: var(--soft); font-size: 0.875rem; padding-bottom: 0.5rem; }
th, td { text-align: left; vertical-align: top; padding: 0.6rem 0.95rem 0.6rem 0; border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
thead th { font-weight: 500; font-size: 0.8125rem; color: var(--soft); vertical-align: bottom; padding-top: 0; }
tbody th { font-weight: 550; min-width: 9rem; max-width: 22rem; overflow-wrap: anywhere; }
tbody th small, td small { display: block; font-weight: 400; color: var(--soft); font-size: 0.8125rem; overflow-wrap: anywhere; }
tfoot th, tfoot td { font-weight: 650; border-bottom: 0; }
.number { text-align: right; white-space: nowrap; }
tbody .wide { min-width: 14.5rem; }
td .mono { white-space: nowrap; }
td.checksum { font-family: var(--mono); font-size: 0.8125rem; white-space: nowrap; }
td.checksum small { font-family: var(--sans); }
.bad { color: var(--bad); font-weight: 600; }
.good { color: var(--accent); font-weight: 600; }
.wrap { overflow-wrap: anywhere; min-width: 14rem; }

figure { margin: 2.25rem 0 0; break-inside: avoid; }
figure h3 { margin: 0; }
figcaption p { color: var(--soft); font-size: 0.9375rem; margin-top: 0.25rem; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.4rem; list-style: none; padding: 0; margin: 0.6rem 0 0; font-size: 0.875rem; }
.legend li { display: flex; align-items: center; gap: 0.5rem; }
.legend svg { width: 1.5rem; height: 0.75rem; flex: none; }
svg.plot { display: block; width: 100%; height: auto; margin-top: 0.9rem; overflow: visible; }
svg.narrow { display: none; max-width: 34rem; }
svg text { font-family: var(--sans); font-size: 12px; fill: var(--soft); font-variant-numeric: tabular-nums; }
svg .label { fill: var(--ink); }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .axis { stroke: var(--other); stroke-width: 1; }
svg .cut { stroke: var(--other); stroke-width: 1; stroke-dasharray: 2 3; }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .a.line { stroke: var(--accent); }
svg .b.line { stroke: var(--other); stroke-dasharray: 5 3; stroke-width: 1.75; }
svg .a.area { fill: var(--accent); fill-opacity: 0.12; }
svg .a.mark { fill: var(--accent); }
svg .b.mark { fill: var(--other); }
svg .b.ring { fill: var(--ground); stroke: var(--other); stroke-width: 2; }

details { margin-top: 0.9rem; }
summary { cursor: pointer; font-size: 0.875rem; color: var(--soft); width: fit-content; padding: 0.15rem 0; }
summary:hover { color: var(--ink); }

.steps { list-style: none; padding: 0; margin: 1.5rem 0 0; display: grid; gap: 1.5rem; }
.steps h3 { margin: 0; }
.steps p { margin-top: 0.2rem; color: var(--soft); }
pre { background: var(--raised); border: 1px solid var(--line); border-radius: 6px; padding: 0.75rem 0.9rem;
  margin: 0.6rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.5; }
ul.plain { list-style: none; padding: 0; margin: 1rem 0 0; }
ul.plain li { padding: 0.55rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
dl.facts { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: 0.4rem 1.75rem; margin: 1rem 0 0; font-size: 0.9375rem; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
footer { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.875rem; }

@media screen and (max-width: 44rem) {
  .page { padding: 1.75rem 1.1rem 3rem; }
  section { margin-top: 3rem; }
  .key { grid-template-columns: 1fr 1fr; }
  .key dd { font-size: 1.35rem; }
  svg.wide { display: none; }
  svg.narrow { display: block; }
  dl.facts { grid-template-columns: 1fr; gap: 0; }
  dl.facts dd { margin-bottom: 0.6rem; }
  table.stack, .stack caption, .stack tbody, .stack tfoot, .stack tr, .stack td, .stack tbody th, .stack tfoot th { display: block; }
  .stack thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .stack tr { padding: 0.9rem 0; border-bottom: 1px solid var(--line); }
  .stack th, .stack td { border: 0; padding: 0.12rem 0; max-width: none; }
  .stack td { display: flex; justify-content: space-between; gap: 1.25rem; text-align: right; white-space: normal; overflow-wrap: anywhere; min-width: 0; }
  .stack td::before { content: attr(data-label); color: var(--soft); font: 0.9375rem/1.55 var(--sans); text-align: left; flex: none; }
  .stack td:empty { display: none; }
  .stack td.wrap { display: block; text-align: left; padding-top: 0.35rem; }
  .stack td.wrap::before { content: none; }
}
@page { margin: 15mm 14mm; }
@media print {
  :root { color-scheme: light; ${LIGHT} }
  html { font-size: 9.5pt; }
  .page { max-width: none; padding: 0; }
  .skip, summary { display: none; }
  .key { grid-template-columns: repeat(6, 1fr); }
  .key div { padding-right: 0.75rem; }
  .key dd { font-size: 1.3rem; }
  section { margin-top: 2rem; }
  tr, figure, .steps li { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .scroll { overflow: visible; }
  details::details-content { content-visibility: visible; }
  table { font-size: 8pt; }
  thead th, td.checksum, td small, tbody th small { font-size: 7pt; }
  th, td { padding: 0.35rem 0.6rem 0.35rem 0; }
  tbody th { min-width: 11em; }
  tbody .wide, .wrap { min-width: 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`);
