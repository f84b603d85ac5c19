import { type Content, html } from './html-markup.ts';
import { seconds } from './html-numbers.ts';
import { at, type Frame, stairs, ticks } from './plot.ts';
import type { TimeAxis } from './time-axis.ts';

/** Steps of a time axis that a clock has, in seconds. */
const CLOCK_STEPS = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400,
  28_800, 86_400,
];

export const timeScale =
  (axis: TimeAxis, { width, left, right }: Frame) =>
  (position: number) =>
    left + (position / axis.seconds) * (width - left - right);

/** The time axis along `y`, with its labels below and a dashed line where idle time was cut out. */
export function timeAxisShapes(axis: TimeAxis, frame: Frame, top: number, y: number): Content {
  const x = timeScale(axis, frame);
  const labels = frame.width > 500 ? 8 : 4;
  const step =
    CLOCK_STEPS.find((size) => axis.seconds / size <= labels) ??
    Math.ceil(axis.seconds / labels / 86_400) * 86_400;
  const positions = Array.from(
    { length: Math.floor(axis.seconds / step + 1e-9) + 1 },
    (_, index) => index * step,
  );
  // A run continued a hundred times has too many cuts to label; the lines still show them.
  const labelled = axis.cuts.length <= 4;
  return [
    html`<path class="axis" d="M${frame.left} ${at(y)}H${frame.width - frame.right}"/>`,
    positions.map((position) => {
      const anchor =
        position > 0 && x(position) > frame.width - frame.right - 18
          ? 'end'
          : position === 0
            ? 'start'
            : 'middle';
      return html`<text x="${at(x(position))}" y="${at(y + 18)}" text-anchor="${anchor}">${position === 0 ? '0' : clock(position)}</text>`;
    }),
    axis.cuts.map(
      (cut) =>
        html`<path class="cut" d="M${at(x(cut.at))} ${top}V${at(y)}"/>${
          labelled &&
          html`<text x="${at(x(cut.at))}" y="${top - 4}" text-anchor="middle">${seconds(cut.seconds)} idle</text>`
        }`,
    ),
  ];
}

/** A point of the time axis: `40 s`, `2 min`, `1 h 30 min`. */
function clock(position: number): string {
  if (position < 60 || position % 60 !== 0) return seconds(position);
  const minutes = Math.round(position / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export interface TimeSeries {
  axis: TimeAxis;
  frame: Frame;
  /** Drawn as a filled line and as a dashed one; one value for each slice of the axis. */
  front: number[];
  back: number[];
  format: (value: number) => string;
}

const TOP = 26;
const PLOT_HEIGHT = 180;

/**
 * Two series over time. A slice that towers over the rest (a shard of a millisecond makes an immense rate) is cut
 * at the top and marked with its value, for it would squeeze all others to the ground.
 */
export function timeSeriesShapes({ axis, frame, front, back, format }: TimeSeries): {
  height: number;
  shapes: Content;
} {
  const most = scaleTop([...front, ...back]);
  const bottom = TOP + PLOT_HEIGHT;
  const x = timeScale(axis, frame);
  const y = (value: number) => bottom - (Math.min(value, most) / most) * PLOT_HEIGHT;
  const slice = (index: number) => x((index / front.length) * axis.seconds);
  const line = stairs(front, slice, y);
  const outliers = [...front, ...back]
    .map((value, index) => ({ value, middle: slice((index % front.length) + 0.5) }))
    .filter(({ value }) => value > most * 1.0001);
  const highest = outliers.toSorted((a, b) => b.value - a.value)[0];
  return {
    height: bottom + 26,
    shapes: [
      ticks(most, 4).map(
        (tick) =>
          html`<path class="grid" d="M${frame.left} ${at(y(tick))}H${frame.width - frame.right}"/><text x="${frame.left - 8}" y="${at(y(tick) + 4)}" text-anchor="end">${format(tick)}</text>`,
      ),
      html`<path class="a area" d="${line}V${bottom}H${at(slice(0))}Z"/><path class="b line" d="${stairs(back, slice, y)}"/><path class="a line" d="${line}"/>`,
      outliers.map(({ middle }) => html`<path class="a mark" d="M${at(middle - 5)} ${TOP - 3}h10l-5 -8z"/>`),
      highest &&
        html`<text class="label" x="${at(Math.min(Math.max(highest.middle, frame.left + 60), frame.width - 70))}" y="12" text-anchor="middle">up to ${format(highest.value)}</text>`,
      timeAxisShapes(axis, frame, TOP, bottom),
    ],
  };
}

/** Top of the scale: the largest value, unless it is over three times the 95th percentile of what is not zero. */
export function scaleTop(values: readonly number[]): number {
  const busy = values.filter((value) => value > 0).sort((a, b) => a - b);
  if (busy.length === 0) return 1;
  const most = busy.at(-1)!;
  const usual = busy[Math.ceil(busy.length * 0.95) - 1]!;
  return most > 3 * usual ? 1.25 * usual : most * 1.04;
}
