import type { Totals } from './account.ts';
import { type Latencies, percentile } from './figures.ts';
import { type Content, clip, html, type Markup } from './html-markup.ts';
import { count, counted, headlineCount, instant, milliseconds, recall, seconds } from './html-numbers.ts';
import type { RunReport } from './report.ts';

/** Status, the answer in one sentence, and the six figures that are asked for first. */
export function header(report: RunReport, totals: Totals, searches: Latencies): Markup {
  return html`<header>
<p class="kicker">${status(report)}<span class="break">Run ${report.run}</span><span>${instant(report.finishedAt)}</span></p>
<h1>${headline(report, totals)}</h1>
<p class="lead">${lead(report, totals)}</p>
${report.error && html`<div class="error" role="alert"><p>${clip(report.error.message, 2000)}</p><p class="small">${report.error.name}${report.error.state !== null && ` in state ${report.error.state}`}</p></div>`}
<dl class="key">${keyFigures(report, totals, searches)}</dl>
</header>
`;
}

function status({ status }: RunReport): Markup {
  const succeeded = status === 'succeeded';
  const shape = succeeded ? html`<path d="M4 12.5l5 5L20 6.5"/>` : html`<path d="M6 6l12 12M18 6L6 18"/>`;
  return html`<span class="status ${status}"><svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${shape}</svg>${succeeded ? 'Succeeded' : 'Failed'}</span>`;
}

/** The headline says what happened to the data; it never says more than the account shows. */
export function headline(report: RunReport, totals: Totals): string {
  if (report.status === 'failed') {
    if (totals.published === 0) return 'The migration failed, and nothing was published.';
    return `The migration failed after ${counted(totals.published, 'collection')} had been published.`;
  }
  if (totals.collections === 0) return 'There was nothing to migrate.';
  if (totals.source === 0)
    return `${counted(totals.collections, 'empty collection')} arrived and can be searched.`;
  const all = totals.verdicts.equal === totals.collections && totals.published === totals.collections;
  if (!all)
    return `${count(totals.published)} of ${counted(totals.collections, 'collection')} are published.`;
  if (totals.rejected > 0)
    return `${count(totals.loaded)} of ${counted(totals.source, 'record')} arrived and can be searched; ${count(totals.rejected)} ${totals.rejected === 1 ? 'was' : 'were'} set aside.`;
  return totals.source === 1
    ? 'The one record arrived and can be searched.'
    : `All ${counted(totals.source, 'record')} arrived and can be searched.`;
}

function lead({ status, collections, options }: RunReport, totals: Totals): Content {
  if (status === 'failed') {
    const kept =
      totals.published === 0
        ? 'The live tables are as they were before, and Chroma was only read.'
        : 'What is published was verified first, and the version before it is kept. Chroma was only read.';
    return `${kept} The run can go on where it stopped.`;
  }
  if (collections.length === 0) return 'The source holds no collection that was asked for.';
  const where =
    totals.collections === 1 ? 'One collection was' : `${count(totals.collections)} collections were`;
  const policy =
    totals.rejected > 0 && options.onReject === 'quarantine'
      ? ' Records that Postgres cannot hold are listed below.'
      : '';
  return `${where} copied from Chroma to PostgreSQL, compared record by record and published.${policy}`;
}

function keyFigures(report: RunReport, totals: Totals, { postgres }: Latencies): Content {
  const median = percentile(postgres, 0.5);
  const recalls = report.collections.flatMap(({ verification }) => verification?.searches.recallAt10 ?? []);
  const lowest = recalls.reduce<number | null>((least, value) => Math.min(least ?? 1, value), null);
  const figure = (name: string, value: string, note: string) =>
    html`<div><dt>${name}</dt><dd>${value}</dd><dd>${note}</dd></div>`;
  return [
    figure('records loaded', headlineCount(totals.loaded), `of ${count(totals.source)}`),
    figure(
      'checksums equal',
      count(totals.verdicts.equal),
      `of ${counted(totals.collections, 'collection')}`,
    ),
    figure(
      'records rejected',
      count(report.rejected),
      report.rejected === 0 ? 'none' : `policy: ${report.options.onReject}`,
    ),
    figure(
      'recall@10, lowest',
      lowest === null ? '–' : recall(lowest),
      lowest === null ? 'not measured' : 'of 1.000',
    ),
    figure(
      'search, median',
      median === null ? '–' : milliseconds(median),
      median === null ? 'not measured' : 'in Postgres',
    ),
    figure('in all', seconds(report.seconds.total), counted(report.shards.length, 'shard')),
  ];
}
