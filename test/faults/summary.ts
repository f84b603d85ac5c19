import type { CycleResult, Struck } from './cycle.ts';

export interface Setting {
  seed: number;
  seconds: number;
  workers: number;
  /** Whether there was a small disk to fill. */
  disk: boolean;
}

/** What a run of the harness has seen, in Markdown. */
export function summary(results: readonly CycleResult[], { seed, seconds, workers, disk }: Setting): string {
  const struck = results.flatMap(({ struck }) => struck);
  const violations = results.filter(({ violation }) => violation);
  const sum = (of: (result: CycleResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  return [
    `Seed ${seed}: ${struck.length} faults struck ${results.length} migrations in ${sum((one) => one.attempts)} attempts (${workers} workers, ${Math.round(seconds / 60)} minutes). ` +
      `${sum(({ looks }) => looks)} looks at the live tables meanwhile. ` +
      `${sum(({ timedOut }) => timedOut)} functions were ended by their time-out; ${sum(({ newRuns }) => newRuns)} times the sentence said to start a new run, and a new run arrived.` +
      (disk ? '' : ' No small disk could be mounted here, so none was filled.'),
    '',
    `**${violations.length} violations.**`,
    ...violations.map(
      ({ cycle, violation }) => `- cycle ${cycle}: ${violation?.replaceAll('\n', ' ').slice(0, 500)}`,
    ),
    '',
    '| fault | struck | went on by itself | was killed, and went on | failed with a sentence, and went on |',
    '|---|---|---|---|---|',
    ...rows(struck, ({ fault }) => fault),
    '',
    '| state in which it struck | struck | went on by itself | was killed | failed with a sentence |',
    '|---|---|---|---|---|',
    ...rows(struck, ({ state }) => state),
    '',
    '| sentence of the failure | times | for example |',
    '|---|---|---|',
    ...sentences(struck),
    '',
  ].join('\n');
}

function rows(struck: readonly Struck[], key: (one: Struck) => string): string[] {
  return [...Map.groupBy(struck, key)]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, of]) => {
      const how = (ending: string) => of.filter((one) => one.ending === ending).length;
      return `| ${name} | ${of.length} | ${how('SUCCEEDED')} | ${how('killed')} | ${how('FAILED')} |`;
    });
}

/** Of an attempt in which several faults struck there is one failure. */
function sentences(struck: readonly Struck[]): string[] {
  const failures = new Map<string, NonNullable<Struck['error']>>();
  for (const { cycle, attempt, error } of struck) if (error) failures.set(`${cycle}/${attempt}`, error);
  return [...Map.groupBy(failures.values(), ({ error }) => error)]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, of]) => `| ${name} | ${of.length} | ${shown(of[0]?.cause ?? '')} |`);
}

/** A sentence in a table, without folders and ports of this machine. */
const shown = (sentence: string): string =>
  sentence
    .replaceAll(/(?:\/[\w.-]+)+\/store\//g, '…/')
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:…')
    .replaceAll('|', '\\|')
    .replaceAll('\n', ' ');
