import { readFile, writeFile } from 'node:fs/promises';
import { type Figure, table } from './figure.ts';
import type { Part } from './parts.ts';

const DATA = new URL('results.json', import.meta.url);
const RESULTS = new URL('RESULTS.md', import.meta.url);
const README = new URL('../README.md', import.meta.url);
const BETWEEN_MARKS = /(?<=<!-- bench -->\n).*(?=<!-- \/bench -->)/s;

/** What was measured of one part, and how it is measured again. */
export interface Result {
  part: string;
  date: string;
  /** What was typed. */
  command: string;
  commit: string | null;
  machine: string;
  /** What else the machine was doing. */
  beside?: string;
  figures: readonly Figure[];
}

/** Puts the results in the place of those of the same parts, and writes bench/RESULTS.md and the README's table anew. */
export async function writeResults(parts: readonly Part[], fresh: readonly Result[]): Promise<void> {
  const known = JSON.parse(await readFile(DATA, 'utf8')) as Result[];
  const results = parts.flatMap(({ name }) => {
    const ofPart = ({ part }: Result) => part === name;
    return fresh.find(ofPart) ?? known.find(ofPart) ?? [];
  });
  await writeFile(DATA, `${JSON.stringify(results, null, 2)}\n`);
  await writeFile(RESULTS, document(parts, results));
  const readme = await readFile(README, 'utf8');
  await writeFile(
    README,
    readme.replace(BETWEEN_MARKS, () => summary(results)),
  );
}

function document(parts: readonly Part[], results: readonly Result[]): string {
  const sections = results.map(({ part, date, command, commit, machine, beside, figures }) => {
    const { note } = parts.find(({ name }) => name === part)!;
    return `## ${part}

\`${command}\`, ${date}${commit ? ` at ${commit}` : ''} on ${machine}.${beside ? ` ${beside}` : ''}

${table(figures)}

${note}
`;
  });
  return `# Measurements

\`npm run bench\` measures all of this, \`npm run bench -- --only NAME\` one part; \`DATABASE_URL\` names a native server, whose
role may create databases and read the server's files. Each figure stands beside what was measured in the same run, in
turns with it. A rate's ratio is ours to the limit's or the peer's, so 1 is the limit itself, and for a peer it says how
many times faster; where less is better (≤) it is our time to theirs. What was found on the way stands in
[PROFILE.md](PROFILE.md).

${sections.join('\n')}`;
}

function summary(results: readonly Result[]): string {
  const figures = results.flatMap((result) => result.figures.filter(({ headline }) => headline));
  const machines = [...new Set(results.map(({ machine }) => machine))];
  const where = machines.length === 1 ? machines[0] : 'the machines that stand beside them';
  const dates = results.map(({ date }) => date).sort();
  const when = [...new Set([dates[0], dates.at(-1)])].join(' to ');
  return `${table(figures)}

Measured ${when} with \`npm run bench\` on ${where}; [all figures, how, and what was missed](bench/RESULTS.md).
`;
}
