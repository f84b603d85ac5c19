import type { ChangedIds } from '../verify/source-changes.ts';
import { type Content, clip, html } from './html-markup.ts';
import { count, counted } from './html-numbers.ts';
import { longTable } from './html-table.ts';
import type { CollectionReport, DeltaReport, RunReport } from './report.ts';

/** A row is some 400 bytes. */
const MOST_ROWS = 500;
/** Ids of a kind that a row names; report.json has the first thousand. */
const NAMED = 3;

/** What a delta pass found and took over, collection by collection; nothing of a run that was none. */
export function delta({ collections }: RunReport): Content {
  const updated = collections.flatMap(({ plan, delta: found, published }) =>
    found ? [{ plan, published, ...found }] : [],
  );
  if (updated.length === 0) return null;
  const differing = updated
    .filter((one) => differences(one) > 0)
    .sort((a, b) => differences(b) - differences(a));
  const same = updated.length - differing.length;
  const none = `${counted(same, 'collection')} had not changed, and nothing of them was written.`;
  if (differing.length === 0) return html`<h3>What had changed</h3><p>${none}</p>`;
  const sum = (of: (one: DeltaReport) => number) => count(differing.reduce((all, one) => all + of(one), 0));
  return html`<h3>What had changed</h3>${longTable({
    caption:
      'By what Chroma differed from the live tables, the most first. Only added and changed records were moved; the first ids stand below their number.',
    columns: [
      { name: 'Collection' },
      { name: 'Unchanged', kind: 'number' },
      { name: 'Added', kind: 'number' },
      { name: 'Changed', kind: 'number' },
      { name: 'Deleted in Chroma', kind: 'number' },
      { name: 'Result' },
    ],
    rows: differing.slice(0, MOST_ROWS + 1).map(row),
    total: [
      differing.length === 1 ? 'In all' : `All ${counted(differing.length, 'collection')}`,
      sum(({ unchanged }) => unchanged),
      sum(({ added }) => added.count),
      sum(({ changed }) => changed.count),
      sum(({ missing }) => missing.count),
      '',
    ],
    open: 25,
    most: MOST_ROWS,
    beyond: (rows) => `${counted(rows, 'further collection')}, counted in the sums: report.json lists each.`,
    stack: true,
  })}${same > 0 && html`<p class="small soft">${none}</p>`}`;
}

const differences = ({ added, changed, missing }: DeltaReport) => added.count + changed.count + missing.count;

function row({
  plan,
  published,
  unchanged,
  added,
  changed,
  missing,
  deleted,
}: DeltaReport & Pick<CollectionReport, 'plan' | 'published'>): Content[] {
  const done = deleted || missing.count === 0 ? 'taken over' : 'taken over, deleted ones kept';
  return [
    [clip(plan.collection, 160), html`<small>schema ${plan.schema}</small>`],
    count(unchanged),
    ids(added),
    ids(changed),
    ids(missing),
    published ? done : html`<span class="bad">not taken over</span>`,
  ];
}

const ids = ({ count: all, ids: listed }: ChangedIds): Content =>
  all === 0
    ? '0'
    : html`<span>${count(all)}<small>${listed.slice(0, NAMED).map((id, at) => [at > 0 && ', ', clip(id, 40)])}${all > NAMED && ', …'}</small></span>`;
