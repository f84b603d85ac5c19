import { type Account, accountsByUrgency, type Totals } from './account.ts';
import { delta } from './html-delta.ts';
import { type Content, clip, html, type Markup } from './html-markup.ts';
import { count, counted, NOT_KNOWN } from './html-numbers.ts';
import { longTable } from './html-table.ts';
import type { CollectionReport, RunReport } from './report.ts';

/** "Did it work?": each record of the source is loaded, rejected or vanished, and both sides have the same checksum. */
export function account(report: RunReport, totals: Totals): Markup {
  const accounts = accountsByUrgency(report);
  return html`<section aria-labelledby="account"><h2 id="account">Did it work?</h2>
<p>${summary(report, totals)}</p>
${accounts.length > 0 && accountTable(accounts, totals)}${delta(report)}</section>
`;
}

function summary({ collections }: RunReport, { verdicts, unexplained }: Totals): string {
  if (collections.length === 0) return 'No collection was planned, so there is no record to account for.';
  const parts = [
    verdicts.equal > 0 && `${counted(verdicts.equal, 'collection')} equal on both sides`,
    verdicts.different > 0 && `${counted(verdicts.different, 'collection')} that differ`,
    verdicts.unchecked > 0 && `${counted(verdicts.unchecked, 'collection')} not verified`,
  ].filter((part) => part !== false);
  const open = unexplained > 0 ? ` ${counted(unexplained, 'record')} of the source had not arrived.` : '';
  return `${parts.join(', ')}.${open}`;
}

function accountTable(accounts: Account[], totals: Totals): Content {
  return longTable({
    caption:
      'Records of each collection. A checksum is the sum of all records’ digests (id, document, uri, metadata and every bit of the vector), taken from what Chroma sent, from what lies in the store and from what the tables hold. certificate.json beside this page has them of each shard.',
    columns: [
      { name: 'Collection' },
      { name: 'In Chroma', kind: 'number' },
      { name: 'Loaded', kind: 'number' },
      { name: 'Rejected', kind: 'number' },
      { name: 'Vanished', kind: 'number' },
      { name: 'Unexplained', kind: 'number' },
      { name: 'In Postgres', kind: 'number' },
      { name: 'Checksum', kind: 'checksum' },
      { name: 'Result' },
    ],
    rows: accounts.slice(0, MOST_ROWS + 1).map(row),
    stack: true,
    total: [
      accounts.length === 1 ? 'In all' : `All ${counted(accounts.length, 'collection')}`,
      count(totals.source),
      count(totals.loaded),
      count(totals.rejected),
      count(totals.vanished),
      count(totals.unexplained),
      totals.target === null ? '–' : count(totals.target),
      '',
      `${count(totals.verdicts.equal)} equal, ${count(totals.published)} published`,
    ],
    open: 25,
    most: MOST_ROWS,
    beyond: () =>
      `${counted(accounts.length - MOST_ROWS, 'further collection')}, counted in the sums, ${beyondVerdicts(accounts.slice(MOST_ROWS))}: report.json lists each.`,
  });
}

/** A row is about 600 bytes: 500 of them keep the page well under a megabyte. */
const MOST_ROWS = 500;

function row({ collection, source, target, unexplained, verdict }: Account): Content[] {
  const { plan, loaded, rejected, vanished, checksum, published } = collection;
  return [
    [clip(plan.collection, 160), html`<small>schema ${plan.schema}</small>`],
    count(source),
    count(loaded),
    rejected > 0 ? html`<span class="bad">${count(rejected)}</span>` : '0',
    count(vanished),
    unexplained === 0 ? '0' : html`<span class="bad">${count(unexplained)}</span>`,
    target === null ? '–' : count(target),
    checksumCell(checksum),
    html`<span>${VERDICTS[verdict]}<small>${published ? 'published' : 'not published'}</small></span>`,
  ];
}

/** One where all three are the same, so that what the row comes to stands on the screen beside it. */
function checksumCell({ source, store, target }: CollectionReport['checksum']): Markup {
  if (source === null && store === null && target === null) return html`${NOT_KNOWN}`;
  if (source !== null && source === store && source === target)
    return html`<span>${source}<small>Chroma, store and Postgres</small></span>`;
  const of = (sum: string | null, where: string) => html`${sum ?? NOT_KNOWN}<small>${where}</small>`;
  return html`<span>${of(source, 'Chroma')}${of(store, 'store')}${of(target, 'Postgres')}</span>`;
}

const VERDICTS: Record<Account['verdict'], Markup> = {
  equal: html`<span class="good">Equal</span>`,
  different: html`<span class="bad">Not equal</span>`,
  unchecked: html`Not verified`,
};

function beyondVerdicts(accounts: Account[]): string {
  const equal = accounts.filter(({ verdict }) => verdict === 'equal').length;
  return equal === accounts.length ? 'all equal' : `${count(equal)} of them equal`;
}
