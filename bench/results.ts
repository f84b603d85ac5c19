import { readFile, writeFile } from 'node:fs/promises';
import { type Figure, table } from './figure.ts';

const RESULTS = new URL('RESULTS.md', import.meta.url);
const README = new URL('../README.md', import.meta.url);
const BETWEEN_MARKS = /(?<=<!-- bench -->\n).*(?=<!-- \/bench -->)/s;

export interface Results {
  figures: readonly Figure[];
  machine: string;
  commit: string | null;
  /** What was typed. */
  command: string;
}

/** Writes bench/RESULTS.md and the README's table. */
export async function writeResults({ figures, machine, commit, command }: Results): Promise<void> {
  const date = new Date().toISOString().slice(0, 10);
  const measured = table(figures);
  await writeFile(
    RESULTS,
    `# Measurements of ${date}

\`${command}\`${commit ? ` at ${commit}` : ''} on ${machine}.

${measured}

Each figure stands beside what was measured in the same run, in turns with it: medians of five turns after a warm-up,
of three for the whole of it.
A rate's ratio is ours to the limit's or the peer's, so 1 is the limit itself; for a peer it says how many times faster.
The pages are thrown away in the process and on the core that exports. COPY from a file and the importer bring the very
same bytes into the same empty tables; INSERT is one transaction without keys or indexes, which favours it. \`migrate\`
checks, verifies, samples and publishes besides what its limit does.
`,
  );
  const readme = await readFile(README, 'utf8');
  const shown = `${measured}\n\nMeasured ${date} with \`${command}\` on ${machine}; [how](bench/RESULTS.md).\n`;
  await writeFile(
    README,
    readme.replace(BETWEEN_MARKS, () => shown),
  );
}
