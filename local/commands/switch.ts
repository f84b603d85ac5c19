import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MigrationError } from '../../src/errors.ts';
import { type LiveRun, liveRuns } from '../../src/verify/live-runs.ts';
import { asItWasText, readAsItWas } from '../as-it-was.ts';
import { type Command, EXIT } from '../command-line/command.ts';
import { type Option, UsageError, type Values } from '../command-line/options.ts';
import { flag, oneOf, SOURCE_OF_CONFIG, TARGET_OF_CONFIG, text } from '../command-line/values.ts';
import { VECTOR_STORES, type VectorStore } from '../config-file/fields.ts';
import { type ConfigFile, readConfig } from '../config-file/read-config.ts';
import { replaceFile } from '../config-file/replace-file.ts';
import { type Change, type Switched, switchConfig } from '../config-file/switch-config.ts';
import { onInterrupt } from '../interrupt.ts';
import { type SwitchOutput, switchOutput } from '../output/file-schemas.ts';
import { printableLines } from '../progress/progress-line.ts';
import { openTarget, outputOptions, readableSourceOptions, targetOptions } from '../source-options.ts';

const CONFIG = 'signal-hub.yaml';

const options = {
  to: oneOf(VECTOR_STORES, 'what the application shall use', { required: true }),
  ...{ ...readableSourceOptions, ...targetOptions },
  source: saidByConfig(readableSourceOptions.source, SOURCE_OF_CONFIG),
  target: saidByConfig(targetOptions.target, TARGET_OF_CONFIG),
  config: text('FILE', `the application's configuration, which is changed; ${CONFIG} by default`),
  environment: environmentName(
    'change only this environment, in config/NAME.yaml beside the configuration; made if it is not there',
  ),
  dryRun: flag('look and show what would change, and write nothing'),
  force: flag('switch even if it is not safe, or cannot be found out'),
  ...outputOptions,
};
type SwitchValues = Values<typeof options>;

export const switchCommand: Command<typeof options> = {
  name: 'switch',
  summary: "switches the application's configuration to Postgres, or back to Chroma if that is safe",
  description:
    "Writes storage: vector_store, database and chromadb into the application's configuration; all else in it stays, and the former file is kept beside it. Passwords are written as variables only. Before it goes to Postgres it asks the ledger whether all live collections were verified; before it goes back it reads Chroma again and compares counts and checksums with what the migration read, and the live tables with what it left in them.",
  options,
  output: switchOutput,
  examples: [
    'chroma-to-pgvector switch --to postgresql --target postgres://user@localhost/vectors --environment production',
    'chroma-to-pgvector switch --to chromadb --source http://localhost:8000 --target postgres://user@localhost/vectors --dry-run',
  ],
  async run(values) {
    const files = filesOf(values);
    const addresses = withAddresses(values, files);
    const to = values.to as VectorStore;
    const [file] = files;
    const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const { target, targetCa, source } = values;
    const wanted = { to, target, targetCa, source };
    const switched = switchConfig(before, file, wanted);
    const interrupt = onInterrupt('nothing was changed');
    let check: Check;
    try {
      check = await interrupt.stops(checked(to, addresses));
    } finally {
      interrupt.release();
    }
    const writes = (check.safe || values.force === true) && !values.dryRun && switched.changes.length > 0;
    const kept = writes ? await replaceFile(file, switched.text) : null;
    const output: SwitchOutput = {
      ...{ to, file, safe: check.safe, written: writes, kept, changes: switched.changes },
      ...{ unset: unsetOf(switched), checks: check.lines },
    };
    if (values.json) process.stdout.write(`${JSON.stringify(output)}\n`);
    else process.stdout.write(`${printableLines(textOf(output, values))}\n`);
    return check.safe || values.force ? EXIT.done : EXIT.failed;
  },
};

function environmentName(help: string): Option<string> {
  return {
    value: 'NAME',
    help,
    parse: (given) => {
      if (!/^[A-Za-z0-9_-]+$/.test(given))
        throw new Error(`is '${given}' and must be letters, digits, dashes and underscores`);
      return given;
    },
  };
}

/** The guide's word stands for what the configuration says already. */
function saidByConfig(option: Option<string>, word: string): Option<string | undefined> {
  const parse = (given: string) => {
    const address = option.parse(given);
    return address === word ? undefined : address;
  };
  return { ...option, required: false, parse };
}

/** The file that is changed, and what the application reads beside it. @throws UsageError */
function filesOf({ config = CONFIG, environment }: SwitchValues): [string, ...string[]] {
  if (environment) return [join(dirname(config), 'config', `${environment}.yaml`), config];
  return [config];
}

type Addresses = Omit<SwitchValues, 'config'>;

/** What the options leave out as the files say it. @throws UsageError naming all that is missing */
function withAddresses(values: SwitchValues, files: readonly string[]): Addresses {
  const mistakes: string[] = [];
  const [file = '', ...others] = files;
  if (others.length === 0 && !existsSync(file))
    mistakes.push(`--config names a file that is not there: ${file}`);
  const found = <T>(section: 'database' | 'chromadb', of: (config: ConfigFile) => T | undefined) => {
    for (const path of files) {
      if (!existsSync(path)) continue;
      try {
        const value = of(readConfig(path, process.env, [section]));
        if (value !== undefined) return value;
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        mistakes.push(...error.mistakes);
        return undefined;
      }
    }
    return undefined;
  };
  const database = values.target ? undefined : found('database', (config) => config);
  const target = values.target ?? database?.target;
  const targetCa = values.targetCa ?? database?.fields.database?.connection.sslrootcert;
  const chromadb =
    values.source || values.to === 'postgresql'
      ? undefined
      : found('chromadb', ({ fields }) => fields.chromadb);
  const source = values.source ?? chromadb?.url ?? chromadb?.path;
  const sourceHeader = values.sourceHeader ?? chromadb?.headers;
  const lacks = (option: string, section: string) =>
    mistakes.push(`--${option} is missing, and no ${section} stands in ${files.join(' or ')}`);
  if (!values.force && target === undefined) lacks('target', 'database');
  if (!values.force && values.to === 'chromadb' && source === undefined) lacks('source', 'chromadb');
  if (mistakes.length > 0) throw new UsageError(mistakes);
  const { config: _, ...rest } = values;
  return { ...rest, target, targetCa, source, sourceHeader } as Addresses;
}

interface Check {
  safe: boolean;
  lines: string[];
}

/** With --force what cannot be found out is said and no hindrance. */
async function checked(to: VectorStore, values: Addresses): Promise<Check> {
  try {
    if (values.target === undefined || (to === 'chromadb' && values.source === undefined))
      return { safe: false, lines: ['❌ Nothing was compared: the addresses of both are not known.'] };
    return to === 'postgresql' ? await allVerified(values) : await chromaAsItWas(values);
  } catch (error) {
    if (!values.force || !(error instanceof MigrationError)) throw error;
    return { safe: false, lines: [`❌ Nothing was compared: ${error.message}`] };
  }
}

const NOTHING_LIVE = 'Nothing is live in this database: migrate first.';

async function allVerified(values: Addresses): Promise<Check> {
  const live = await openTarget(values).withClient('switch', liveRuns);
  if (live.length === 0) return { safe: false, lines: [`❌ ${NOTHING_LIVE}`] };
  return { safe: live.every(isVerified), lines: live.map(verifiedText) };
}

const isVerified = ({ ledger }: LiveRun) => ledger?.verified === true;

function verifiedText(live: LiveRun): string {
  const { collection, run, ledger, addedTo } = live;
  const from = addedTo ? `run ${run}, and files of run ${addedTo.run}` : `run ${run}`;
  const records = addedTo ? addedTo.records : ledger?.loaded;
  if (isVerified(live))
    return `✅ ${collection}: live and verified (${records?.toLocaleString('en-US')} records, ${from}).`;
  // Nothing is published that was not verified: what came later was not, or met what was not as it had been.
  const reason = ledger
    ? 'was added to from files, and not all that its tables then held was verified'
    : 'is no longer in the ledger';
  return `❌ ${collection}: run ${run}, which is live, ${reason}: migrate or import all of it again.`;
}

async function chromaAsItWas(values: Addresses): Promise<Check> {
  const found = await readAsItWas(values, openTarget(values));
  if (found.length === 0) return { safe: false, lines: [`❌ ${NOTHING_LIVE}`] };
  return { safe: found.every(({ safe }) => safe), lines: asItWasText(found).split('\n') };
}

const unsetOf = ({ passwordVariables }: Switched) =>
  passwordVariables.filter((name) => process.env[name] === undefined);

function textOf(output: SwitchOutput, { dryRun, force }: SwitchValues): string {
  const { to, file, safe, written, kept, changes, checks, unset } = output;
  const lines = [...checks];
  if (to === 'chromadb' && safe) lines.push('The rollback is safe.');
  lines.push('', file, ...(changes.length === 0 ? ['  says so already'] : changes.flatMap(changeLines)), '');
  if (!safe && !force)
    lines.push('Nothing was written, as it would not be safe: mend what is named above, or pass --force.');
  else if (dryRun) lines.push('Nothing was written (--dry-run).');
  else if (written)
    lines.push(`Written.${kept ? ` The former file is ${kept}.` : ''} Restart the application.`);
  else lines.push('Nothing had to be written.');
  if (to === 'postgresql')
    for (const name of unset)
      lines.push(`The application needs the password in the variable ${name}: export ${name}=…`);
  return lines.join('\n');
}

const changeLines = ({ setting, from, to }: Change) => [
  ...(from === null ? [] : [`  - ${setting}: ${from}`]),
  ...(to === null ? [] : [`  + ${setting}: ${to}`]),
];
