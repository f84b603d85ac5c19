import { type Latencies, ratesOf, shardIntervals } from './figures.ts';
import { type Content, html, type Markup } from './html-markup.ts';
import { bytes, count, measure, seconds } from './html-numbers.ts';
import { table } from './html-table.ts';
import { type Frame, figure, legend, MARKS } from './plot.ts';
import { latencyFigure } from './plot-latency.ts';
import { shardsFigure } from './plot-shards.ts';
import { scaleTop, timeSeriesShapes } from './plot-time.ts';
import type { RunReport } from './report.ts';
import { timeAxis } from './time-axis.ts';

/** "How fast was it?": phases, throughput, shards and latency. */
export function speed(report: RunReport, searches: Latencies): Markup {
  const intervals = shardIntervals(report.shards);
  const axis = timeAxis([...intervals.export, ...intervals.import]);
  const moved = intervals.export.length + intervals.import.length > 0;
  return html`<section aria-labelledby="speed"><h2 id="speed">How fast was it?</h2>
<p>${summary(report)}</p>
${[
  phases(report),
  moved && throughputFigure(report, intervals, axis),
  moved && shardsFigure(report.shards, intervals, axis),
  latencyFigure(searches),
]}</section>
`;
}

function summary({ seconds: phase, shards }: RunReport): string {
  const loaded = shards.reduce((sum, shard) => sum + shard.loaded, 0);
  const size = shards.reduce((sum, shard) => sum + shard.bytes, 0);
  if (loaded === 0) return `The run took ${seconds(phase.total)} and loaded no record.`;
  const rate = phase.import > 0 ? ` at ${count(loaded / phase.import)} records a second while importing` : '';
  return `${count(loaded)} records, ${bytes(size)} of shards, in ${seconds(phase.total)}${rate}.`;
}

const PHASES = [
  ['export', 'Export from Chroma'],
  ['import', 'Import into Postgres'],
  ['index', 'Building indexes'],
  ['verify', 'Verification'],
] as const;
const PHASE_ROW = 30;

/** Bars on the scale of the whole run; they may overlap, so they need not add up to it. */
function phases({ seconds: took }: RunReport): Content {
  const most = Math.max(took.total, took.export, took.import, took.index, took.verify);
  if (!(most > 0)) return null;
  const draw = (frame: Frame) => {
    const left = frame.width > 500 ? 170 : 132;
    const room = frame.width - left - 84;
    const rows = [
      ...PHASES.map(([key, name]) => [name, took[key]] as const),
      ['The whole run', took.total] as const,
    ];
    return {
      height: rows.length * PHASE_ROW,
      shapes: rows.map(([name, value], index) => {
        const length = (value / most) * room;
        const y = index * PHASE_ROW;
        return html`<text class="label" x="0" y="${y + 19}">${name}</text><rect class="${index < PHASES.length ? 'a' : 'b'} mark" x="${left}" y="${y + 8}" width="${length.toFixed(1)}" height="14" rx="2"/><text x="${(left + length + 8).toFixed(1)}" y="${y + 19}">${seconds(value)}</text>`;
      }),
    };
  };
  return figure({
    id: 'phases',
    title: 'Time in each phase',
    description: PHASES.map(([key, name]) => `${name}: ${seconds(took[key])}`).join('; '),
    note: 'Wall time in which at least one shard or collection was in the phase. Phases overlap.',
    draw,
    table: table({
      caption: 'Seconds in each phase',
      columns: [{ name: 'Phase' }, { name: 'Seconds', kind: 'number' }],
      rows: PHASES.map(([key, name]) => [name, measure(took[key])]),
      total: ['The whole run', measure(took.total)],
    }),
  });
}

/** More slices than a screen has room for show noise; fewer hide a stall. */
const SLICES = 80;
const TABLE_SLICES = 20;

function throughputFigure(
  { shards }: RunReport,
  intervals: ReturnType<typeof shardIntervals>,
  axis: ReturnType<typeof timeAxis>,
): Markup {
  const exported = ratesOf(intervals.export, axis, SLICES);
  const imported = ratesOf(intervals.import, axis, SLICES);
  const rows = (slices: number) => {
    const [out, into] = [ratesOf(intervals.export, axis, slices), ratesOf(intervals.import, axis, slices)];
    const width = axis.seconds / slices;
    return out.map((rate, index) => [
      `${seconds(index * width)} to ${seconds((index + 1) * width)}`,
      count(rate),
      count(into[index]!),
    ]);
  };
  return figure({
    id: 'throughput',
    title: 'Records a second',
    description: `Records a second over ${seconds(axis.seconds)}; export peaks at ${count(peak(exported))}, import at ${count(peak(imported))}.`,
    note: `From the start and end of ${count(shards.length)} shards: each shard’s records are spread evenly over its time.${cutNote(axis.cuts.length)}${peak([...exported, ...imported]) > scaleTop([...exported, ...imported]) ? ' An arrow marks a rate above the scale.' : ''}`,
    legend: legend([
      { mark: MARKS.dashedLine, name: 'Exported' },
      { mark: MARKS.solidLine, name: 'Imported' },
    ]),
    draw: (frame) => timeSeriesShapes({ axis, frame, front: imported, back: exported, format: count }),
    table: table({
      caption: 'Records a second, by time since the first shard began',
      columns: [{ name: 'Time' }, { name: 'Exported', kind: 'number' }, { name: 'Imported', kind: 'number' }],
      rows: rows(TABLE_SLICES),
    }),
  });
}

const peak = (values: number[]) => values.reduce((most, value) => Math.max(most, value), 0);

const cutNote = (cuts: number) =>
  cuts === 0
    ? ''
    : ` Idle time is cut out at the dashed ${cuts === 1 ? 'line' : 'lines'}: the run was continued.`;
