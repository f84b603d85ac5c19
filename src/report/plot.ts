import { type Content, html, type Markup } from './html-markup.ts';

/** Room of a plot in CSS pixels; text stays 12 px because each plot is drawn once for a desk and once for a phone. */
export interface Frame {
  width: number;
  left: number;
  right: number;
}
const WIDE: Frame = { width: 992, left: 56, right: 16 };
const NARROW: Frame = { width: 354, left: 44, right: 10 };

export interface Figure {
  id: string;
  title: string;
  /** What the plot shows, in a sentence for those who cannot see it. */
  description: string;
  note?: Content;
  legend?: Content;
  draw: (frame: Frame) => { height: number; shapes: Content };
  /** The same figures as a table. */
  table: Content;
}

export function figure({ id, title, description, note, legend, draw, table }: Figure): Markup {
  const svg = (frame: Frame, size: 'wide' | 'narrow') => {
    const { height, shapes } = draw(frame);
    const [titleId, descriptionId] = [`${id}-${size}-title`, `${id}-${size}-desc`];
    return html`<svg class="plot ${size}" viewBox="0 0 ${frame.width} ${height}" role="img" aria-labelledby="${titleId} ${descriptionId}"><title id="${titleId}">${title}</title><desc id="${descriptionId}">${description}</desc>${shapes}</svg>
`;
  };
  return html`<figure id="${id}"><figcaption><h3>${title}</h3>${note && html`<p>${note}</p>`}${legend}</figcaption>
${svg(WIDE, 'wide')}${svg(NARROW, 'narrow')}<details><summary>The figures of this plot as a table</summary>${table}</details></figure>
`;
}

/** The series of a plot with their marks, so that nobody has to tell them apart by colour. */
export const legend = (entries: { mark: Markup; name: string }[]): Markup =>
  html`<ul class="legend">${entries.map(
    ({ mark, name }) => html`<li><svg viewBox="0 0 24 12" aria-hidden="true">${mark}</svg>${name}</li>`,
  )}</ul>`;

export const MARKS = {
  solidLine: html`<path class="a line" d="M0 6H24"/>`,
  dashedLine: html`<path class="b line" d="M0 6H24"/>`,
  dot: html`<circle class="a mark" cx="12" cy="6" r="5"/>`,
  ring: html`<circle class="b ring" cx="12" cy="6" r="4.5"/>`,
  upperBar: html`<rect class="b mark" x="2" y="0" width="20" height="5" rx="1"/>`,
  lowerBar: html`<rect class="a mark" x="2" y="7" width="20" height="5" rx="1"/>`,
  bar: html`<rect class="a mark" x="5" y="0" width="14" height="12" rx="1"/>`,
};

/** Round values from 0 to at most `most`, about `steps` of them: 1, 2 or 5 times a power of ten apart. */
export function ticks(most: number, steps: number): number[] {
  if (!(most > 0)) return [0];
  const rough = most / steps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, index) => index * step);
}

/** Coordinates to a tenth of a pixel: finer is not seen and costs bytes. */
export const at = (value: number): number => Math.round(value * 10) / 10;

/** A stair through equal slices: the value is a mean over the slice, so no slope may suggest more. */
export function stairs(
  values: readonly number[],
  x: (slice: number) => number,
  y: (value: number) => number,
): string {
  const parts = values.map(
    (value, slice) => `${slice === 0 ? 'M' : 'L'}${at(x(slice))} ${at(y(value))}H${at(x(slice + 1))}`,
  );
  return parts.join('');
}
