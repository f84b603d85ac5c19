import type { Benchmark, Side } from '../../src/benchmark/benchmark.ts';
import { html, type Markup } from '../../src/report/html-markup.ts';
import { count, counted, instant, measure, milliseconds } from '../../src/report/html-numbers.ts';
import { STYLE } from '../../src/report/html-style.ts';
import { table } from '../../src/report/html-table.ts';
import { benchmarkRows, ratioText } from './rows.ts';

interface Bars {
  title: string;
  note: string;
  format: (value: number) => string;
  groups: { name: string; values: Record<Side, number> }[];
}

const WIDTH = 640;
/** Columns before a bar and behind it, for its names and its figure. */
const LEFT = 150;
const RIGHT = 90;
const BAR = 16;
const GROUP = 2 * BAR + 16;
const HEAD = 58;

/** Both sides' bars beside each other: latency first, then queries a second. */
function charts({ latency, throughput }: Benchmark): Bars[] {
  return [
    {
      title: 'Search latency',
      note: 'One client. Shorter is better.',
      format: milliseconds,
      groups: (['p50', 'p95', 'p99'] as const).map((share) => ({
        name: share,
        values: { chroma: latency.chroma[share], postgres: latency.postgres[share] },
      })),
    },
    {
      title: 'Queries a second',
      note: 'All clients ask without a pause. Longer is better.',
      format: measure,
      groups: throughput.map(({ chroma, postgres }) => ({
        name: counted(chroma.clients, 'client'),
        values: { chroma: chroma.perSecond, postgres: postgres.perSecond },
      })),
    },
  ];
}

function drawn({ title, note, format, groups }: Bars, top: number): { height: number; shapes: Markup } {
  const most = Math.max(
    ...groups.flatMap(({ values }) => [values.chroma, values.postgres]),
    Number.MIN_VALUE,
  );
  const bar = (side: Side, value: number, y: number) => {
    const length = Math.max(1, ((WIDTH - LEFT - RIGHT) * value) / most);
    return html`<rect class="${side === 'postgres' ? 'a' : 'b'} mark" x="${LEFT}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="2"/><text x="${(LEFT + length + 8).toFixed(1)}" y="${y + 12}">${format(value)}</text>`;
  };
  return {
    height: HEAD + groups.length * GROUP,
    shapes: html`<text class="title" x="0" y="${top + 18}">${title}</text><text x="0" y="${top + 38}">${note}</text>${groups.map(
      ({ name, values }, at) => {
        const y = top + HEAD + at * GROUP;
        return html`<text class="label" x="0" y="${y + BAR + 4}">${name}</text><text x="78" y="${y + 12}">Chroma</text><text x="78" y="${y + BAR + 14}">Postgres</text>${bar('chroma', values.chroma, y)}${bar('postgres', values.postgres, y + BAR + 2)}`;
      },
    )}`,
  };
}

/** @param own whether the drawing stands alone and brings its own style */
function drawing(benchmark: Benchmark, own: boolean): Markup {
  let top = 0;
  const shapes = charts(benchmark).map((bars) => {
    const one = drawn(bars, top);
    top += one.height + 24;
    return one.shapes;
  });
  const rows = benchmarkRows(benchmark).map(
    ({ metric, chroma, postgres }) => `${metric}: Chroma ${chroma}, Postgres ${postgres}`,
  );
  return html`<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 ${WIDTH} ${top}" role="img" aria-labelledby="bench-title bench-desc">${own && html`<style>${SVG_STYLE}</style>`}<title id="bench-title">${heading(benchmark)}</title><desc id="bench-desc">${rows.join('; ')}</desc>${shapes}</svg>`;
}

const SVG_STYLE = `svg { background: #ffffff; } text { font: 12px system-ui, sans-serif; fill: #59626e; } .label { fill: #171b21; }
.title { font-size: 16px; font-weight: 650; fill: #171b21; } .a { fill: #2456c7; } .b { fill: #7a8492; }
@media (prefers-color-scheme: dark) { svg { background: #13161b; } text { fill: #a2abb8; } .label, .title { fill: #e8ebef; } .a { fill: #8db1ff; } .b { fill: #858f9e; } }`;

const heading = ({ collection }: Benchmark) => `Chroma and Postgres searching collection “${collection}”`;

/** A picture that needs nothing else and follows the reader's light or dark scheme. */
export const benchmarkSvg = (benchmark: Benchmark): string => `${drawing(benchmark, true).text}\n`;

/** The picture with the table that it was drawn from. */
export function benchmarkHtml(benchmark: Benchmark): string {
  const { records, dimension, space, versions, measuredAt, queries, neighbours } = benchmark;
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="color-scheme" content="light dark"/>
<title>${heading(benchmark)}</title>
<style>${STYLE}
svg.plot { max-width: 44rem; } svg .title { font-size: 16px; font-weight: 650; fill: var(--ink); }
</style>
</head>
<body>
<div class="page">
<header><h1>${heading(benchmark)}</h1>
<p class="lead">${counted(records, 'record')} of ${count(dimension)} dimensions, ${space}. ${counted(queries, 'query', 'queries')} for ${neighbours} neighbours, asked of both in turn from one machine.</p></header>
<main>
<section aria-labelledby="figures"><h2 id="figures">The figures</h2>
${table({
  caption: 'Measured on the same queries, in turn; a ratio over 1 is in favour of Postgres',
  columns: [
    { name: 'Metric', kind: 'wide' },
    { name: 'Chroma', kind: 'number' },
    { name: 'Postgres', kind: 'number' },
    { name: 'Ratio', kind: 'number' },
    { name: 'Remark' },
  ],
  rows: benchmarkRows(benchmark).map(({ metric, chroma, postgres, ratio, note }) => [
    metric,
    chroma,
    postgres,
    ratioText(ratio),
    note,
  ]),
  stack: true,
})}</section>
<section aria-labelledby="drawn"><h2 id="drawn">As a picture</h2>
${drawing(benchmark, false)}</section>
</main>
<footer><p>Chroma ${versions.chroma}, PostgreSQL ${versions.postgres}, pgvector ${versions.pgvector}; ${instant(measuredAt)}. Made by chroma-to-pgvector bench.</p></footer>
</div>
</body>
</html>
`.text;
}
