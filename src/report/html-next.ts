import type { Totals } from './account.ts';
import { type Content, clip, html, type Markup } from './html-markup.ts';
import { counted } from './html-numbers.ts';
import type { ParameterReport, RunReport } from './report.ts';

interface Step {
  title: string;
  why: Content;
  command?: string;
}

/** "What next?": commands to copy. Addresses stand as `…`: a report never holds one that might carry a password. */
export function nextSteps(report: RunReport, totals: Totals): Markup {
  const steps = report.status === 'failed' ? [resume(report, totals)] : [];
  const steady = [
    searchStep(report, totals),
    verifyStep(totals),
    ...tuneSteps(report),
    rollbackStep(report, totals),
    rejectStep(report),
  ];
  return html`<section aria-labelledby="next"><h2 id="next">What next?</h2>
<ol class="steps">${[...steps, ...steady].flatMap((step) =>
    step === null
      ? []
      : html`<li><h3>${step.title}</h3><p>${step.why}</p>${step.command !== undefined && html`<pre><code>${step.command}</code></pre>`}</li>
`,
  )}</ol></section>
`;
}

const CLI = 'npx chroma-to-pgvector';

function resume({ run }: RunReport, totals: Totals): Step {
  const redo =
    totals.loaded > 0
      ? `${counted(totals.loaded, 'record')} already loaded stay loaded.`
      : 'Finished shards are not done again.';
  return {
    title: 'Remove the cause, then go on',
    why: `The same command with the same run goes on where it stopped. ${redo} On AWS, redrive the execution.`,
    command: `${CLI} migrate --source … --target … --store … --run ${shellWord(run)}`,
  };
}

function searchStep({ collections }: RunReport, totals: Totals): Step | null {
  const first = collections.find(({ published, plan }) => published && plan.dimension !== null);
  if (totals.published === 0 || first === undefined) return null;
  return {
    title: 'Search',
    why: 'Nearest records with Chroma’s own distances. Pass the embedding of your question.',
    command: `select source_id, distance from ${sqlIdentifier(first.plan.schema)}.search_nearest('[…]'::vector, 10);`,
  };
}

function verifyStep(totals: Totals): Step | null {
  if (totals.published === 0) return null;
  return {
    title: 'Verify again',
    why: 'At any later time, as long as Chroma still runs: counts, checksums and searches are compared once more.',
    command: `${CLI} verify --source … --target …`,
  };
}

function tuneSteps({ parameters, options }: RunReport): (Step | null)[] {
  const open = parameters.filter(({ applied }) => !applied);
  const reboot = parameters.filter(({ applied, needsReboot }) => applied && needsReboot);
  return [
    open.length === 0
      ? null
      : {
          title: 'Tune the server',
          why: `${counted(open.length, 'setting')} recommended below ${open.length === 1 ? 'is' : 'are'} not applied. On RDS, put those of the instance into its parameter group${options.tune === 'apply' ? '' : ', or let a run do it with --tune apply'}. In plain PostgreSQL:`,
          command: open.map(settingStatement).join('\n'),
        },
    reboot.length === 0
      ? null
      : {
          title: 'Reboot when it suits',
          why: `${reboot.map(({ name }) => name).join(', ')}: set, and in force after the next reboot of the database.`,
        },
  ];
}

/** `alter database` takes no expression for its name, so format() puts it in. */
function settingStatement({ name, scope, newValue, unit }: ParameterReport): string {
  // Postgres reads a plain number in the setting's own unit, so the figure carries over as it is.
  const value = `'${newValue.replaceAll("'", "''")}'`;
  const comment = unit === null || unit === '' ? '' : ` -- in units of ${unit}`;
  if (scope === 'instance') return `alter system set ${name} = ${value};${comment}`;
  return `do $$ begin execute format('alter database %I set ${name} = %L', current_database(), ${value}); end $$;${comment}`;
}

function rollbackStep({ collections }: RunReport, totals: Totals): Step | null {
  const first = collections.find(({ published }) => published);
  if (totals.published === 0 || first === undefined) return null;
  return {
    title: 'Roll back',
    why: 'If this collection had been published before, puts the earlier version back in a moment; doing it twice returns to this one.',
    command: `${CLI} rollback --target … --collection ${shellWord(first.plan.collection)}`,
  };
}

function rejectStep({ rejected, store, run }: RunReport): Step | null {
  if (rejected === 0) return null;
  return {
    title: `Look at the ${counted(rejected, 'rejected record')}`,
    why: html`Each is kept whole, as Chroma sent it, in the <code>rejects.jsonl</code> of its shard below <code>${clip(`${store.replace(/\/$/, '')}/runs/${run}/shards/`, 300)}</code>.`,
  };
}

/** Quoted for a POSIX shell where it is not a plain word. */
function shellWord(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) && !text.startsWith('-') ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function sqlIdentifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
