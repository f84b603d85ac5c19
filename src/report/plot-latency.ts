import { type Histogram, type Latencies, latencyHistogram, percentile } from './figures.ts';
import { type Content, html } from './html-markup.ts';
import { count, milliseconds, percent } from './html-numbers.ts';
import { table } from './html-table.ts';
import { at, type Frame, figure, legend, MARKS, stairs, ticks } from './plot.ts';

const TOP = 12;
const PLOT_HEIGHT = 170;

/** How long the sampled searches took, Postgres beside Chroma; nothing if none was sampled. */
export function latencyFigure(values: Latencies): Content {
  if (values.postgres.length === 0) return null;
  const histogram = latencyHistogram(values);
  const words = (sorted: number[]) => {
    const [median, most] = [percentile(sorted, 0.5), percentile(sorted, 0.95)];
    return median === null
      ? 'not measured'
      : `median ${milliseconds(median)}, 95 percent within ${milliseconds(most!)}`;
  };
  return figure({
    id: 'latency',
    title: 'Search latency',
    description: `Postgres: ${words(values.postgres)}. Chroma: ${words(values.chroma)}.`,
    note: html`Share of ${count(values.postgres.length)} sampled searches by time, on a logarithmic scale. Chroma’s times include HTTP and JSON.`,
    legend: legend([
      { mark: MARKS.bar, name: `Postgres: ${words(values.postgres)}` },
      { mark: MARKS.dashedLine, name: `Chroma: ${words(values.chroma)}` },
    ]),
    draw: (frame) => draw(histogram, frame),
    table: latencyTable(values, histogram),
  });
}

function draw({ borders, postgres, chroma }: Histogram, frame: Frame): { height: number; shapes: Content } {
  const bottom = TOP + PLOT_HEIGHT;
  const most = [...postgres, ...chroma].reduce((a, b) => Math.max(a, b), 0) * 1.05 || 1;
  const room = frame.width - frame.left - frame.right;
  // One bin of a lone latency would fill the plot; a dozen places keep its shape.
  const places = Math.max(postgres.length, 12);
  const x = (bin: number) => frame.left + ((bin + (places - postgres.length) / 2) / places) * room;
  const y = (share: number) => bottom - (share / most) * PLOT_HEIGHT;
  const position = (value: number) =>
    x((Math.log(value / borders[0]!) / Math.log(borders.at(-1)! / borders[0]!)) * postgres.length);
  return {
    height: bottom + 26,
    shapes: [
      ticks(most, 4).map(
        (tick) =>
          html`<path class="grid" d="M${frame.left} ${at(y(tick))}H${frame.width - frame.right}"/><text x="${frame.left - 8}" y="${at(y(tick) + 4)}" text-anchor="end">${percent(tick)}</text>`,
      ),
      postgres.map(
        (share, bin) =>
          share > 0 &&
          html`<rect class="a mark" x="${at(x(bin) + 1)}" y="${at(y(share))}" width="${at(x(bin + 1) - x(bin) - 2)}" height="${at(bottom - y(share))}" rx="1"/>`,
      ),
      chroma.some((share) => share > 0) &&
        html`<path class="b line" d="M${at(x(0))} ${bottom}${stairs(chroma, x, y).replace('M', 'L')}V${bottom}"/>`,
      html`<path class="axis" d="M${frame.left} ${bottom}H${frame.width - frame.right}"/>`,
      decadeLabels(borders, frame.width > 500).map(
        (value) =>
          html`<text x="${at(position(value))}" y="${bottom + 18}" text-anchor="middle">${milliseconds(value)}</text>`,
      ),
    ],
  };
}

/** 1, 2 and 5 of each power of ten within the borders; the powers alone where there is little room. */
function decadeLabels(borders: number[], roomy: boolean): number[] {
  const [first, last] = [borders[0]!, borders.at(-1)!];
  const powers = Array.from({ length: 12 }, (_, power) => 10 ** (power - 4));
  const factors = roomy || last / first < 100 ? [1, 2, 5] : [1];
  return powers
    .flatMap((power) => factors.map((factor) => factor * power))
    .filter((value) => value >= first * 0.999 && value <= last * 1.001);
}

function latencyTable(values: Latencies, histogram: Histogram): Content {
  const row = (name: string, sorted: number[]) => [
    name,
    count(sorted.length),
    ...[0.5, 0.95, 0.99, 1].map((share) => {
      const found = percentile(sorted, share);
      return found === null ? '–' : milliseconds(found);
    }),
  ];
  return [
    table({
      caption: 'Latency of sampled searches',
      columns: ['', 'Searches', 'Median', '95 percent within', '99 percent within', 'Longest'].map(
        (name, index) => (index === 0 ? { name: 'Server' } : { name, kind: 'number' }),
      ),
      rows: [row('Postgres', values.postgres), row('Chroma', values.chroma)],
    }),
    table({
      caption: 'Share of the searches in each bar',
      columns: [{ name: 'Time' }, { name: 'Postgres', kind: 'number' }, { name: 'Chroma', kind: 'number' }],
      rows: histogram.postgres.map((share, bin) => [
        `${milliseconds(histogram.borders[bin]!)} to ${milliseconds(histogram.borders[bin + 1]!)}`,
        percent(share),
        percent(histogram.chroma[bin]!),
      ]),
    }),
  ];
}
