import type { RejectPolicy } from '../contract.ts';
import { type Content, clip, html, type Markup } from './html-markup.ts';
import { count, counted, instant, milliseconds1970, NOT_KNOWN, seconds } from './html-numbers.ts';
import { longTable, table } from './html-table.ts';
import type { IndexBuildReport, ParameterReport, RunReport } from './report.ts';

const MOST_ROWS = 500;

/** The report lists the first 1,000 rejects (report.ts); each is about 400 bytes here. */
const MOST_REJECTS = 1000;

export function warnings({ warnings }: RunReport): Content {
  if (warnings.length === 0) return null;
  return html`<h3>Warnings</h3><ul class="plain">${warnings.slice(0, MOST_ROWS).map((warning) => html`<li>${clip(warning, 1000)}</li>`)}</ul>${
    warnings.length > MOST_ROWS &&
    html`<p class="small soft">And ${count(warnings.length - MOST_ROWS)} more, in report.json.</p>`
  }`;
}

export function indexBuilds({ indexBuilds }: RunReport): Markup {
  const title = html`<h3>Index builds</h3>`;
  if (indexBuilds.length === 0) return html`${title}<p>No index was built.</p>`;
  const took = ({ startedAt, finishedAt }: IndexBuildReport) => {
    const [from, to] = [milliseconds1970(startedAt), milliseconds1970(finishedAt)];
    return from === null || to === null ? null : (to - from) / 1000;
  };
  const failed = (build: IndexBuildReport) => build.error !== null;
  const slowestFirst = indexBuilds.toSorted(
    (a, b) => Number(failed(b)) - Number(failed(a)) || (took(b) ?? 0) - (took(a) ?? 0),
  );
  return html`${title}${longTable({
    caption: `${counted(indexBuilds.length, 'index', 'indexes')}; failed ones first, then the longest`,
    columns: [
      { name: 'Index', kind: 'wide' },
      { name: 'State' },
      { name: 'Took', kind: 'number' },
      { name: 'Statement', kind: 'wrap' },
    ],
    rows: slowestFirst.slice(0, MOST_ROWS).map((build) => {
      const duration = took(build);
      return [
        [build.index, html`<small>schema ${build.schema}</small>`],
        build.error === null ? build.state : html`<span class="bad">${build.state}</span>`,
        duration === null ? NOT_KNOWN : seconds(duration),
        [
          html`<code>${clip(build.ddl, 600)}</code>`,
          build.error !== null && html`<small class="bad">${clip(build.error, 600)}</small>`,
        ],
      ];
    }),
    open: 12,
    most: MOST_ROWS,
    beyond: () => '',
    stack: true,
  })}${indexBuilds.length > MOST_ROWS && html`<p class="small soft">And ${count(indexBuilds.length - MOST_ROWS)} shorter ones, in report.json.</p>`}`;
}

export function parameters({ parameters, options, status }: RunReport): Markup {
  const title = html`<h3>Settings of the server</h3>`;
  if (parameters.length === 0)
    return html`${title}<p>${options.tune === 'off' ? 'Tuning was off.' : status === 'failed' ? 'None is recommended: the run ended early.' : 'Nothing to change was found.'}</p>`;
  return html`${title}${table({
    caption: 'Old value → new value, in the setting’s own unit, and why',
    columns: [
      { name: 'Setting', kind: 'wide' },
      { name: 'Value' },
      { name: 'State' },
      { name: 'Why', kind: 'wrap' },
    ],
    rows: parameters.map((parameter) => [
      [parameter.name, html`<small>of the ${parameter.scope}</small>`],
      html`<span><span class="mono">${parameter.oldValue ?? 'unset'} → ${parameter.newValue}</span><small>${inWords(parameter)}</small></span>`,
      state(parameter),
      parameter.reason,
    ]),
    stack: true,
  })}`;
}

function state({ applied, needsReboot }: ParameterReport): string {
  if (!applied) return needsReboot ? 'Not applied; needs a reboot' : 'Not applied';
  return needsReboot ? 'Set; in force after a reboot' : 'Applied';
}

/** Bytes of one of pg_settings' memory units. */
const UNIT_BYTES: Record<string, number> = { B: 1, kB: 1024, '8kB': 8192, MB: 1024 ** 2, GB: 1024 ** 3 };

/** The new value as Postgres would show it, `unit` being pg_settings': 524288 of 8kB is 4 GiB. */
function inWords({ newValue, unit }: ParameterReport): string {
  if (unit === null || unit === '') return '';
  const size = UNIT_BYTES[unit];
  const value = Number(newValue);
  if (size === undefined || !Number.isFinite(value)) return `in ${unit}`;
  const binary = ['kiB', 'MiB', 'GiB', 'TiB'];
  let power = 0;
  let left = (value * size) / 1024;
  while (left >= 1024 && power < binary.length - 1) {
    left /= 1024;
    power += 1;
  }
  return `${left >= 100 ? count(left) : Number(left.toFixed(1))} ${binary[power]}`;
}

export function rejects({ rejects, rejected, repaired, collections, status }: RunReport): Markup {
  const title = html`<h3>Rejected records</h3>`;
  if (rejected === 0)
    return html`${title}<p>${status === 'failed' ? 'None was met before the run ended.' : `None. Every record could be held${repaired > 0 ? `, ${count(repaired)} of them repaired` : ' as it is'}.`}</p>`;
  const policy = collections.some(({ published }) => published)
    ? 'They were set aside and the rest was published, as asked for.'
    : 'By default a run with rejects publishes nothing; with --on-reject quarantine it publishes the rest.';
  const listed = Math.min(rejects.length, MOST_REJECTS);
  return html`${title}<p>${counted(rejected, 'record')}${listed < rejected && `, the first ${count(listed)} of them here`}. ${policy}</p>${
    listed > 0 &&
    longTable({
      caption: 'Records that Postgres cannot hold as they are',
      columns: [
        { name: 'Id in Chroma', kind: 'wide' },
        { name: 'Schema and shard' },
        { name: 'Reason' },
        { name: 'Detail', kind: 'wrap' },
      ],
      rows: rejects
        .slice(0, MOST_REJECTS)
        .map(({ id, schema, shard, reason, detail }) => [
          clip(id, 120),
          `${schema} ${shard}`,
          reason.replaceAll('-', ' '),
          clip(detail, 300),
        ]),
      open: 10,
      most: MOST_REJECTS,
      beyond: () => '',
      stack: true,
    })
  }`;
}

const POLICIES: Record<RejectPolicy, string> = {
  fail: 'fail the run',
  quarantine: 'are set aside',
  repair: 'are repaired where nothing need be guessed; others fail the run',
};

export function runFacts(report: RunReport): Markup {
  const { options, source, target } = report;
  const facts: [string, Content][] = [
    ['Run', report.run],
    ['Began', instant(report.startedAt)],
    ['Ended', instant(report.finishedAt)],
    ['Chroma', source.version || NOT_KNOWN],
    ['PostgreSQL', target.postgresVersion || NOT_KNOWN],
    ['pgvector', target.pgvectorVersion || NOT_KNOWN],
    ['Store', html`<code>${report.store}</code>`],
    ['Shards at a time', count(options.concurrency)],
    ['Format of shards', options.format],
    ['Index', options.index],
    ['Rejected records', POLICIES[options.onReject]],
    ['Sampled searches', `${count(options.sampleSize)} a collection`],
    ['Tuning', options.tune],
  ];
  return html`<h3>The run</h3><dl class="facts">${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
`;
}
