import { html, type Markup } from '../../src/report/html-markup.ts';
import { count, counted, seconds } from '../../src/report/html-numbers.ts';
import type { PhaseView, Progress } from '../progress/progress.ts';
import { progressLine } from '../progress/progress-line.ts';
import { type RunView, SHARD_STATES } from './run-view.ts';
import type { GraphNode } from './state-graph.ts';

/** The parts of the page that change, by the ids of the elements that hold them. */
export type Fragments = Record<
  'status' | 'headline' | 'graph' | 'shards' | 'throughput' | 'happenings',
  string
>;

/** Records so far at one moment. */
export interface Sample {
  at: number;
  exported: number;
  imported: number;
}

export function fragments(
  view: RunView,
  progress: Progress,
  at: number,
  samples: readonly Sample[],
): Fragments {
  return {
    status: status(view, progress.view(at)),
    headline: headline(view, progress, at).text,
    graph: graph(view).text,
    shards: shards(view).text,
    throughput: throughput(samples).text,
    happenings: happenings(view).text,
  };
}

/** Read aloud when it changes, so only the phase and the end. */
function status({ end }: RunView, { phase }: PhaseView): string {
  if (!end) return `Phase: ${phase}`;
  return end.status === 'SUCCEEDED' ? 'The run has succeeded.' : 'The run has ended without success.';
}

/** What the terminal's line says, and how it ended. */
function headline({ end, rejected, retries }: RunView, progress: Progress, at: number): Markup {
  const phase = progress.view(at);
  const { total, imported } = progress.records;
  const line = end ? `${count(imported)} of ${counted(total, 'record')} imported` : progressLine(phase);
  const share = phase.index ? phase.index.percent / 100 : phase.total > 0 ? phase.done / phase.total : null;
  const ended =
    end &&
    (end.status === 'SUCCEEDED'
      ? html`<span class="status">Succeeded</span>`
      : html`<span class="status failed">${end.status === 'ABORTED' ? 'Stopped' : 'Failed'}</span>`);
  return html`<p class="line">${ended ?? html`<span class="status">Running</span>`} <span id="line">${line}</span></p>
${share !== null && !end && html`<div class="bar" role="progressbar" aria-label="${line}" aria-valuemin="0" aria-valuemax="100" aria-valuenow="${Math.floor(share * 100)}"><div style="width: ${(share * 100).toFixed(1)}%"></div></div>`}
${end?.cause && html`<div class="error"><p>${end.cause}</p>${end.state && html`<p class="small">In state ${end.state}.</p>`}</div>`}
<dl class="key"><div><dt>Rejected records</dt><dd${rejected > 0 && html` class="bad"`} id="rejected">${count(rejected)}</dd></div><div><dt>Retries</dt><dd>${count(retries)}</dd></div></dl>`;
}

const NODE = { width: 210, height: 44, gap: 16, rows: 66 };
const WIDTH = 3 * NODE.width + 2 * NODE.gap;

type StateLook = 'waiting' | 'present' | 'done' | 'failed';

function lookOf({ visits, end }: RunView, name: string): StateLook {
  const { entered, present } = visits.get(name) ?? { entered: 0, present: 0 };
  if (present > 0) return end && end.status !== 'SUCCEEDED' ? 'failed' : end ? 'done' : 'present';
  return entered > 0 ? 'done' : 'waiting';
}

const MARKS: Record<StateLook, string> = { waiting: '', present: '▶ ', done: '✓ ', failed: '✕ ' };
const WORDS: Record<StateLook, string> = {
  ...{ waiting: 'not entered yet', present: 'running now' },
  ...{ done: 'done', failed: 'ended here' },
};

function graph(view: RunView): Markup {
  const { nodes, edges } = view.graph;
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const height = (Math.max(...nodes.map(({ row }) => row)) + 1) * NODE.rows;
  const present = nodes.filter(({ name }) => lookOf(view, name) === 'present').map(({ name }) => name);
  return html`<svg class="graph" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="graph-title graph-desc"><title id="graph-title">The state machine</title><desc id="graph-desc">${
    present.length > 0 ? `Running now: ${present.join(', ')}.` : 'No state is running.'
  } ${nodes.map(({ name }) => `${name}: ${WORDS[lookOf(view, name)]}`).join('; ')}</desc>${edges.map(
    ({ from, to, back }) => edge(byName.get(from)!, byName.get(to)!, back),
  )}${nodes.map((node) => state(view, node))}</svg>`;
}

const centre = ({ row, column, columns }: GraphNode) => ({
  x: WIDTH / 2 + (column - (columns - 1) / 2) * (NODE.width + NODE.gap),
  y: row * NODE.rows + NODE.height / 2 + 4,
});

function edge(from: GraphNode, to: GraphNode, back: boolean): Markup {
  const [a, b] = [centre(from), centre(to)];
  const half = NODE.height / 2;
  if (back) {
    const side = Math.min(a.x, b.x) - NODE.width / 2 - 30;
    return html`<path class="edge back" d="M${a.x - NODE.width / 2} ${a.y}C${side} ${a.y} ${side} ${b.y} ${b.x - NODE.width / 2} ${b.y}"/>`;
  }
  const [y1, y2] = [a.y + half, b.y - half];
  // An edge that passes over rows keeps beside the states that stand between.
  const bend = to.row - from.row > 1 && a.x === b.x ? -(NODE.width / 2 + 30) : 0;
  const middle = (y1 + y2) / 2;
  return bend === 0
    ? html`<path class="edge" d="M${a.x} ${y1}C${a.x} ${middle} ${b.x} ${middle} ${b.x} ${y2}"/>`
    : html`<path class="edge" d="M${a.x - NODE.width / 2} ${a.y}C${a.x + bend - 30} ${a.y} ${b.x + bend - 30} ${b.y} ${b.x - NODE.width / 2} ${b.y}"/>`;
}

function state(view: RunView, node: GraphNode): Markup {
  const look = lookOf(view, node.name);
  const { x, y } = centre(node);
  const [left, top] = [x - NODE.width / 2, y - NODE.height / 2];
  const under = node.children
    .map((child) => [child, view.children.get(`${node.name}/${child}`) ?? 0] as const)
    .filter(([, number]) => number > 0)
    .map(([child, number]) => `${child} ${number}`)
    .join(' · ');
  return html`<g class="state ${look}" data-state="${node.name}" data-look="${look}"><rect x="${left}" y="${top}" width="${NODE.width}" height="${NODE.height}" rx="8"/><text class="label" x="${x}" y="${y + (under ? -3 : 4)}" text-anchor="middle">${MARKS[look]}${node.name}</text>${under && html`<text x="${x}" y="${y + 14}" text-anchor="middle">${under}</text>`}</g>`;
}

function shards({ shards: all, uncounted }: RunView): Markup {
  const counts = Map.groupBy(all, ({ state: one }) => one);
  const key = SHARD_STATES.map(
    (one) =>
      html`<li><span class="cell ${one}" aria-hidden="true"></span>${count(counts.get(one)?.length ?? 0)} ${one}</li>`,
  );
  const cells = all.map(
    ({ schema, number, records, state: one }) =>
      html`<span class="cell ${one}" title="${schema} ${number}: ${one}, ${counted(records, 'record')}"></span>`,
  );
  return html`<ul class="legend">${key}</ul>
${all.length === 0 ? html`<p class="soft">None is planned yet.</p>` : html`<div class="grid" aria-hidden="true">${cells}</div>`}
${uncounted > 0 && html`<p class="small soft">And ${counted(uncounted, 'further shard')}.</p>`}`;
}

const PLOT = { width: 640, height: 160, left: 8, top: 22, bottom: 20 };

function throughput(samples: readonly Sample[]): Markup {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last || last.at - first.at < 1000) return html`<p class="soft">Not yet known.</p>`;
  const rates = samples.slice(1).map((sample, index) => {
    const before = samples[index]!;
    const took = (sample.at - before.at) / 1000;
    return {
      at: sample.at,
      exported: (sample.exported - before.exported) / took,
      imported: (sample.imported - before.imported) / took,
    };
  });
  const most = Math.max(1, ...rates.flatMap(({ exported, imported }) => [exported, imported]));
  const x = (at: number) =>
    PLOT.left + ((at - first.at) / (last.at - first.at)) * (PLOT.width - 2 * PLOT.left);
  const y = (rate: number) =>
    PLOT.height - PLOT.bottom - (rate / most) * (PLOT.height - PLOT.top - PLOT.bottom);
  const line = (of: 'exported' | 'imported') =>
    rates
      .map(
        ({ at, [of]: rate }, index) => `${index === 0 ? 'M' : 'L'}${x(at).toFixed(1)} ${y(rate).toFixed(1)}`,
      )
      .join('');
  const mean = (of: 'exported' | 'imported') => (last[of] - first[of]) / ((last.at - first.at) / 1000);
  return html`<svg class="throughput" viewBox="0 0 ${PLOT.width} ${PLOT.height}" role="img" aria-labelledby="rate-title rate-desc"><title id="rate-title">Records a second</title><desc id="rate-desc">On the mean ${count(mean('exported'))} a second exported and ${count(mean('imported'))} imported, at most ${count(most)}.</desc><text x="${PLOT.left}" y="14">${count(most)}/s</text><path class="grid" d="M${PLOT.left} ${PLOT.top}H${PLOT.width - PLOT.left}"/><path class="axis" d="M${PLOT.left} ${PLOT.height - PLOT.bottom}H${PLOT.width - PLOT.left}"/><path class="b line" d="${line('exported')}"/><path class="a line" d="${line('imported')}"/><text x="${PLOT.left}" y="${PLOT.height - 4}">0</text><text x="${PLOT.width - PLOT.left}" y="${PLOT.height - 4}" text-anchor="end">${seconds((last.at - first.at) / 1000)}</text></svg>
<ul class="legend"><li><svg viewBox="0 0 24 12" aria-hidden="true"><path class="b line" d="M0 6H24"/></svg>exported, ${count(last.exported)} in all</li><li><svg viewBox="0 0 24 12" aria-hidden="true"><path class="a line" d="M0 6H24"/></svg>imported, ${count(last.imported)} in all</li></ul>`;
}

function happenings({ happenings: all }: RunView): Markup {
  if (all.length === 0) return html`<p class="soft">Nothing out of the ordinary.</p>`;
  return html`<ul class="plain">${all.map(
    ({ at, text, bad }) =>
      html`<li><span class="soft mono">${new Date(at).toISOString().slice(11, 19)}</span> <span${bad && html` class="bad"`}>${text}</span></li>`,
  )}</ul>`;
}
