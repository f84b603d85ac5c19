import { type Content, clip, html } from './html-markup.ts';
import { count, NOT_KNOWN, recall } from './html-numbers.ts';
import { table } from './html-table.ts';
import { at, type Frame, figure, legend, MARKS } from './plot.ts';
import type { CollectionReport } from './report.ts';

interface Recall {
  collection: string;
  postgres: number;
  chroma: number | null;
  sampled: number;
  efSearch: number | null;
}

/** Rows of the plot; the lowest come first, as they are what one looks for. */
const MOST_ROWS = 24;
const MOST_TABLE_ROWS = 300;
const ROW = 26;
const TOP = 8;

/** Recall@10 of each collection through its index, beside Chroma's own; nothing if no search was sampled. */
export function recallFigure(collections: CollectionReport[]): Content {
  const recalls = collections
    .flatMap(({ plan, verification }): Recall[] => {
      const { recallAt10, chromaRecallAt10, sampled, efSearch } = verification!.searches;
      if (recallAt10 === null) return [];
      return [
        { collection: plan.collection, postgres: recallAt10, chroma: chromaRecallAt10, sampled, efSearch },
      ];
    })
    .sort((a, b) => a.postgres - b.postgres);
  if (recalls.length === 0) return html`<p class="soft">No search was sampled, so recall is not known.</p>`;
  const shown = recalls.slice(0, MOST_ROWS);
  const lowest = recalls[0]!;
  const more = recalls.length - shown.length;
  return figure({
    id: 'recall',
    title: 'Recall@10',
    description: `Lowest recall at 10 in Postgres: ${recall(lowest.postgres)}, collection ${clip(lowest.collection, 80)}, of ${recalls.length} collections.`,
    note: `Share of the ten truly nearest records that a search finds.${more > 0 ? ` The ${MOST_ROWS} lowest of ${count(recalls.length)} collections; the others reach ${recall(recalls[MOST_ROWS]!.postgres)} or more.` : ''}`,
    legend: legend([
      { mark: MARKS.dot, name: 'Postgres' },
      { mark: MARKS.ring, name: 'Chroma' },
    ]),
    draw: (frame) => draw(shown, frame),
    table: recallTable(recalls),
  });
}

/**
 * Left end of the scale: 0.9, or lower so that nine in ten dots have room. The few below are drawn at the edge as
 * arrows; every row has its figures in words, so a cut scale misleads nobody.
 */
function scaleStart(recalls: Recall[]): number {
  const values = recalls
    .flatMap(({ postgres, chroma }) => [postgres, chroma ?? postgres])
    .sort((a, b) => a - b);
  const tenth = values[Math.floor(values.length / 10)]!;
  return Math.max(0, Math.min(0.9, Math.floor(tenth * 10 - 1e-9) / 10));
}

function draw(recalls: Recall[], frame: Frame): { height: number; shapes: Content } {
  const wide = frame.width > 500;
  const left = wide ? 240 : 8;
  const right = frame.width - (wide ? 150 : 8);
  const start = scaleStart(recalls);
  // On a phone the name stands above its line.
  const row = wide ? ROW : ROW + 20;
  const bottom = TOP + recalls.length * row;
  const x = (value: number) => left + ((Math.max(value, start) - start) / (1 - start)) * (right - left);
  const mark = (value: number, y: number, kind: 'a mark' | 'b ring') =>
    value < start
      ? html`<path class="${kind}" d="M${left - 4} ${at(y)}l8 -5v10z"/>`
      : html`<circle class="${kind}" cx="${at(x(value))}" cy="${at(y)}" r="5"/>`;
  const steps = [0, 0.25, 0.5, 0.75, 1].map((share) => start + share * (1 - start));
  return {
    height: bottom + 26,
    shapes: [
      steps.map(
        (step, index) =>
          html`<path class="grid" d="M${at(x(step))} ${TOP}V${bottom}"/><text x="${at(x(step))}" y="${bottom + 18}" text-anchor="${index === 0 ? 'start' : index === 4 ? 'end' : 'middle'}">${Number(step.toFixed(3))}</text>`,
      ),
      recalls.map(({ collection, postgres, chroma }, index) => {
        const y = TOP + index * row + row - ROW / 2;
        const figures = chroma === null ? recall(postgres) : `${recall(postgres)} · ${recall(chroma)}`;
        const textY = wide ? y + 4 : y - 16;
        return [
          html`<path class="grid" d="M${left} ${at(y)}H${right}"/>`,
          html`<text class="label" x="0" y="${at(textY)}">${clip(collection, wide ? 34 : 30)}</text>`,
          html`<text x="${frame.width}" y="${at(textY)}" text-anchor="end">${figures}</text>`,
          chroma !== null && mark(chroma, y, 'b ring'),
          mark(postgres, y, 'a mark'),
        ];
      }),
    ],
  };
}

function recallTable(recalls: Recall[]): Content {
  const omitted = recalls.length - MOST_TABLE_ROWS;
  return table({
    caption: `Recall@10 of each collection, lowest first${omitted > 0 ? `; ${count(omitted)} higher ones are left out` : ''}`,
    columns: [
      { name: 'Collection' },
      { name: 'Searches', kind: 'number' },
      { name: 'Postgres', kind: 'number' },
      { name: 'Chroma', kind: 'number' },
      { name: 'ef_search', kind: 'number' },
    ],
    rows: recalls
      .slice(0, MOST_TABLE_ROWS)
      .map(({ collection, sampled, postgres, chroma, efSearch }) => [
        clip(collection, 160),
        count(sampled),
        recall(postgres),
        chroma === null ? NOT_KNOWN : recall(chroma),
        efSearch === null ? '–' : count(efSearch),
      ]),
  });
}
