import { html, Markup } from '../../src/report/html-markup.ts';
import { STYLE } from '../../src/report/html-style.ts';
import type { Fragments } from './fragments.ts';

const OWN_STYLE = new Markup(`
.page { max-width: 84rem; }
.aloud { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
#line { white-space: pre-wrap; }
.line { font-size: 1.1rem; max-width: none; margin-top: 1rem; }
.bar { margin-top: 0.75rem; height: 0.6rem; border-radius: 99px; background: var(--line); overflow: hidden; }
.bar div { height: 100%; background: var(--accent); }
.key { margin-top: 1.5rem; max-width: 24rem; }
.columns { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 6fr); gap: 0 3.5rem; align-items: start; }
.columns section { margin-top: 2.5rem; }
svg.graph, svg.throughput { display: block; width: 100%; height: auto; margin-top: 1rem; overflow: visible; }
.graph .edge { fill: none; stroke: var(--other); stroke-width: 1.5; }
.graph .back { stroke-dasharray: 4 3; }
.graph rect { fill: var(--ground); stroke: var(--line); stroke-width: 1.5; }
.graph .label { font-size: 14px; }
.graph .waiting .label { fill: var(--soft); }
.graph .done rect { fill: var(--raised); stroke: var(--other); }
.graph .present rect { fill: var(--accent-wash); stroke: var(--accent); stroke-width: 2.5; }
.graph .present .label { fill: var(--accent); font-weight: 650; }
.graph .failed rect { fill: var(--bad-wash); stroke: var(--bad); stroke-width: 2.5; }
.graph .failed .label { fill: var(--bad); font-weight: 650; }
.grid { display: flex; flex-wrap: wrap; gap: 3px; margin-top: 1rem; max-height: 22rem; overflow-y: auto; }
.cell { display: inline-block; width: 14px; height: 14px; border-radius: 3px; border: 1px solid var(--other); flex: none; }
.cell.exporting { background: repeating-linear-gradient(45deg, var(--other) 0 2px, transparent 2px 5px); }
.cell.exported { background: var(--other); }
.cell.importing { background: repeating-linear-gradient(45deg, var(--accent) 0 3px, transparent 3px 6px); border-color: var(--accent); }
.cell.imported { background: var(--accent); border-color: var(--accent); }
.cell.failed { background: var(--bad); border-color: var(--bad); border-radius: 50%; }
@media (max-width: 60rem) { .columns { grid-template-columns: 1fr; } }
`);

/** Puts each part that the server sends into its place. The server has escaped all that is in them. */
const SCRIPT = (address: string) => `
const source = new EventSource(${JSON.stringify(address)});
source.onmessage = ({ data }) => {
  const parts = JSON.parse(data);
  for (const [id, markup] of Object.entries(parts)) {
    if (id === 'ended') { source.close(); document.documentElement.dataset.ended = markup; }
    else document.getElementById(id).innerHTML = markup;
  }
  document.documentElement.dataset.live = 'yes';
  document.getElementById('away').hidden = true;
};
source.onerror = () => { document.getElementById('away').hidden = false; };
`;

/** The page with its parts as they are now; a script then keeps them so. @param nonce lets this one script run */
export function page(run: string, parts: Fragments, nonce: string, address: string): string {
  const part = (id: keyof Fragments) => html`<div id="${id}">${new Markup(parts[id])}</div>`;
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>${run}: migration</title>
<link rel="icon" href="data:,"/>
<style>${STYLE}${OWN_STYLE}</style>
</head>
<body>
<div class="page">
<header><h1>${run}</h1><div class="aloud" role="status">${part('status')}</div>${part('headline')}<p class="bad" id="away" hidden="">The run no longer answers: it has ended, or this machine is busy.</p></header>
<main class="columns">
<section aria-labelledby="h-graph"><h2 id="h-graph">Where it is</h2>${part('graph')}</section>
<div>
<section aria-labelledby="h-shards"><h2 id="h-shards">Shards</h2>${part('shards')}</section>
<section aria-labelledby="h-throughput"><h2 id="h-throughput">Records a second</h2>${part('throughput')}</section>
<section aria-labelledby="h-happenings"><h2 id="h-happenings">What happened</h2>${part('happenings')}</section>
</div>
</main>
</div>
<script nonce="${nonce}">${new Markup(SCRIPT(address))}</script>
</body>
</html>
`.text;
}
