import { type Content, clip, html, type Markup } from './html-markup.ts';
import { count, counted } from './html-numbers.ts';
import { table } from './html-table.ts';
import { recallFigure } from './plot-recall.ts';
import type { CollectionReport, RunReport } from './report.ts';

/** "How do we know?": what verification looked at, what it found amiss, and how searches compare with Chroma's. */
export function proof(report: RunReport): Markup {
  const verified = report.collections.filter(({ verification }) => verification !== null);
  return html`<section aria-labelledby="proof"><h2 id="proof">How do we know?</h2>
<p>${verified.length === 0 ? 'The run ended before verification, so nothing is proven.' : 'Postgres was asked for everything again after the load, and its answers were held against Chroma’s.'}</p>
${verified.length > 0 && [checks(verified), mismatches(verified), recallFigure(verified)]}</section>
`;
}

interface Check {
  name: string;
  how: string;
  /** null: does not apply to the collection. */
  holds: (collection: CollectionReport) => boolean | null;
}

const CHECKS: Check[] = [
  {
    name: 'Counts',
    how: 'rows of both tables against the records that were loaded',
    holds: ({ loaded, verification }) => verification!.records.target === loaded,
  },
  {
    name: 'Every bit of every record',
    how: 'sum of all digests, computed in SQL from the tables, against the exporter’s',
    holds: ({ checksum }) => checksum.source !== null && checksum.source === checksum.target,
  },
  {
    name: 'Dimensions',
    how: 'the vectors’ dimension on both sides',
    holds: ({ verification }) => verification!.dimension.source === verification!.dimension.target,
  },
  {
    name: 'Guide columns',
    how: 'file_path, chunk_index, start_line, end_line and language against the metadata',
    holds: ({ verification }) => verification!.metadataMismatches === 0,
  },
  {
    name: 'Index in use',
    how: 'EXPLAIN of a sampled search names the approximate index',
    holds: ({ verification }) => verification!.searches.indexUsed,
  },
];

function checks(collections: CollectionReport[]): Markup {
  const rows = CHECKS.map(({ name, how, holds }) => {
    const results = collections.map(holds).filter((result) => result !== null);
    const passed = results.filter(Boolean).length;
    const words = results.length === 0 ? 'does not apply' : `${count(passed)} of ${count(results.length)}`;
    const verdict =
      passed === results.length
        ? html`<span class="good">Holds</span>`
        : html`<span class="bad">Fails</span>`;
    return [name, how, words, results.length === 0 ? '–' : verdict];
  });
  return table({
    caption: 'What verification compared',
    columns: [
      { name: 'Check' },
      { name: 'How', kind: 'wrap' },
      { name: 'Collections', kind: 'number' },
      { name: 'Result' },
    ],
    rows,
    stack: true,
  });
}

const MOST_MISMATCHES = 200;

/** The sentences of verification and the records that they are about. */
function mismatches(collections: CollectionReport[]): Content {
  const found = collections.flatMap(({ plan, verification }) =>
    verification!.mismatches.map((sentence) => ({ collection: plan.collection, sentence })),
  );
  const differing = collections.flatMap(({ plan, verification }) =>
    Object.entries(verification!.differing).flatMap(([kind, ids]) =>
      ids.map((id) => [clip(plan.collection, 160), kind, clip(id, 200)]),
    ),
  );
  return [
    found.length > 0 &&
      html`<h3>What did not match</h3><ul class="plain">${found
        .slice(0, MOST_MISMATCHES)
        .map(
          ({ collection, sentence }) =>
            html`<li><strong>${clip(collection, 160)}</strong>: ${clip(sentence, 500)}</li>`,
        )}</ul>`,
    found.length > MOST_MISMATCHES &&
      html`<p class="small soft">And ${count(found.length - MOST_MISMATCHES)} more, in report.json.</p>`,
    differing.length > 0 &&
      html`<details><summary>${counted(differing.length, 'record')} named by verification</summary>${table({
        caption: `Records that differ, by their id in Chroma${differing.length > MOST_MISMATCHES ? `; the first ${MOST_MISMATCHES}, report.json has all` : ''}`,
        columns: [{ name: 'Collection' }, { name: 'Kind' }, { name: 'Id', kind: 'wrap' }],
        rows: differing.slice(0, MOST_MISMATCHES),
      })}</details>`,
  ];
}
