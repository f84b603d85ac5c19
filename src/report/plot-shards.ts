import { ascending, percentile, type shardIntervals, underWay } from './figures.ts';
import { type Content, clip, html, type Markup } from './html-markup.ts';
import { bytes, count, instant, measure, milliseconds1970, seconds } from './html-numbers.ts';
import { table } from './html-table.ts';
import { at, type Frame, figure, legend, MARKS } from './plot.ts';
import { timeAxisShapes, timeScale, timeSeriesShapes } from './plot-time.ts';
import type { ShardReport } from './report.ts';
import type { TimeAxis } from './time-axis.ts';

/** Up to so many shards each has a row; above, rows would be thinner than a pixel and only their number is drawn. */
const MOST_ROWS = 60;
const MOST_GROUPS = 12;
const SLICES = 80;

export function shardsFigure(
  shards: readonly ShardReport[],
  intervals: ReturnType<typeof shardIntervals>,
  axis: TimeAxis,
): Markup {
  const groups = Map.groupBy(shards, ({ schema }) => schema);
  const unfinished = shards.filter(({ importedAt }) => importedAt === null).length;
  const description = `${count(shards.length)} shards of ${count(groups.size)} collections, ${unfinished === 0 ? 'all imported' : `${count(unfinished)} not imported`}.`;
  const notDone =
    unfinished === 0 ? '' : ` ${count(unfinished)} ${unfinished === 1 ? 'was' : 'were'} not imported.`;
  if (shards.length <= MOST_ROWS && groups.size <= MOST_GROUPS)
    return figure({
      id: 'shards',
      title: 'Shards',
      description,
      note: `One row a shard.${notDone}`,
      legend: legend([
        { mark: MARKS.upperBar, name: 'Export, upper bar' },
        { mark: MARKS.lowerBar, name: 'Import, lower bar' },
      ]),
      draw: (frame) => drawRows(groups, axis, frame),
      table: shardTable(shards, 'Each shard'),
    });
  return figure({
    id: 'shards',
    title: 'Shards under way',
    description,
    note: `How many of the ${count(shards.length)} shards were exported and imported at a time.${notDone}`,
    legend: legend([
      { mark: MARKS.dashedLine, name: 'In export' },
      { mark: MARKS.solidLine, name: 'In import' },
    ]),
    draw: (frame) =>
      timeSeriesShapes({
        axis,
        frame,
        front: underWay(intervals.import, axis, SLICES),
        back: underWay(intervals.export, axis, SLICES),
        format: measure,
      }),
    table: [durations(intervals), shardTable(slowest(shards), 'The shards that took longest')],
  });
}

const GROUP = 24;
const ROW = 13;
const TOP = 18;

function drawRows(
  groups: Map<string, ShardReport[]>,
  axis: TimeAxis,
  frame: Frame,
): { height: number; shapes: Content } {
  const plain = { ...frame, left: 2 };
  const x = timeScale(axis, plain);
  const bar = (kind: 'a' | 'b', from: string | null, to: string | null, y: number, name: string) => {
    const [start, end] = [milliseconds1970(from), milliseconds1970(to)];
    if (start === null || end === null) return null;
    const left = x(axis.at(start));
    const width = Math.max(1.5, x(axis.at(end)) - left);
    return html`<rect class="${kind} mark" x="${at(left)}" y="${y}" width="${at(width)}" height="5" rx="1"><title>${name}: ${seconds((end - start) / 1000)}</title></rect>`;
  };
  const shapes: Content[] = [];
  let y = TOP;
  for (const [schema, shards] of groups) {
    shapes.push(html`<text class="label" x="0" y="${y + 14}">${clip(schema, 40)}</text>`);
    y += GROUP;
    for (const shard of shards) {
      const name = `${clip(schema, 40)}, shard ${shard.number}`;
      shapes.push(bar('b', shard.exportStartedAt, shard.exportedAt, y, `Export of ${name}`));
      shapes.push(bar('a', shard.importStartedAt, shard.importedAt, y + 6, `Import of ${name}`));
      y += ROW;
    }
    y += 6;
  }
  return { height: y + 28, shapes: [...shapes, timeAxisShapes(axis, plain, TOP, y + 2)] };
}

const shardSeconds = (from: string | null, to: string | null): number | null => {
  const [start, end] = [milliseconds1970(from), milliseconds1970(to)];
  return start === null || end === null ? null : Math.max(0, end - start) / 1000;
};

const LONGEST = 30;

function slowest(shards: readonly ShardReport[]): ShardReport[] {
  const took = (shard: ShardReport) =>
    (shardSeconds(shard.exportStartedAt, shard.exportedAt) ?? 0) +
    (shardSeconds(shard.importStartedAt, shard.importedAt) ?? 0);
  return shards.toSorted((a, b) => took(b) - took(a)).slice(0, LONGEST);
}

function shardTable(shards: readonly ShardReport[], caption: string): Markup {
  const took = (from: string | null, to: string | null) => {
    const value = shardSeconds(from, to);
    return value === null ? 'not done' : seconds(value);
  };
  return table({
    caption,
    columns: [
      { name: 'Schema and shard' },
      { name: 'Records', kind: 'number' },
      { name: 'Size', kind: 'number' },
      { name: 'Export began' },
      { name: 'Export', kind: 'number' },
      { name: 'Import', kind: 'number' },
    ],
    rows: shards.map((shard) => [
      `${shard.schema} ${shard.number}`,
      count(shard.records),
      bytes(shard.bytes),
      instant(shard.exportStartedAt),
      took(shard.exportStartedAt, shard.exportedAt),
      took(shard.importStartedAt, shard.importedAt),
    ]),
  });
}

function durations(intervals: ReturnType<typeof shardIntervals>): Markup {
  const row = (name: string, spans: readonly { from: number; to: number }[]) => {
    const sorted = ascending(spans.map(({ from, to }) => (to - from) / 1000));
    const value = (share: number) => {
      const found = percentile(sorted, share);
      return found === null ? '–' : seconds(found);
    };
    return [name, count(sorted.length), value(0.5), value(0.95), value(1)];
  };
  return table({
    caption: 'Time that a shard took',
    columns: [
      { name: 'Phase' },
      { name: 'Shards', kind: 'number' },
      { name: 'Median', kind: 'number' },
      { name: '95 percent within', kind: 'number' },
      { name: 'Longest', kind: 'number' },
    ],
    rows: [row('Export', intervals.export), row('Import', intervals.import)],
  });
}
