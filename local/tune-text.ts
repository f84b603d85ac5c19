import { settingInWords, sizeInWords } from '../src/tune/setting-units.ts';
import { wrapped } from './command-line/help.ts';
import type { Tuned } from './commands/tune.ts';
import { duration } from './progress/progress-line.ts';
import { alignedTable } from './summary.ts';

const count = new Intl.NumberFormat('en');
const counted = (number: number, what: string) => `${count.format(number)} ${what}${number === 1 ? '' : 's'}`;
/** Columns of an explanation, which stands under its setting. */
const COLUMNS = 94;

/** What `tune` found and did, for a person: each setting from what to what and why. */
export function tuneText(
  tuned: Tuned,
  asked: { apply?: true | undefined; restore?: true | undefined },
): string {
  return [
    header(tuned),
    ...restoredLines(tuned, asked),
    // Who has just set everything back is not told to set it again.
    ...(asked.restore ? [] : settingLines(tuned, asked)),
    ...indexLines(tuned),
    ...suggestionLines(tuned),
  ].join('\n');
}

function header({ database, memory, collections }: Tuned): string {
  const vectors = collections.reduce((sum, { records }) => sum + records, 0);
  const known = memory.isLowerBound
    ? `reckoned with ${sizeInWords(memory.bytes)} of memory, as its shared_buffers tell; --instance-memory says it better`
    : `${sizeInWords(memory.bytes)} of memory`;
  return `Postgres at ${database}: ${counted(collections.length, 'collection')}, ${counted(vectors, 'record')}, ${known}.`;
}

const under = (text: string) => wrapped(text, COLUMNS).map((line) => `      ${line}`);
const inWords = (value: string | null, unit: string | null) =>
  value === null ? 'unset' : settingInWords(value, unit);

function restoredLines({ restored }: Tuned, { restore }: { restore?: true | undefined }): string[] {
  if (!restore) return [];
  if (restored.length === 0) return ['', 'Nothing that a migration or tune has set is left to be set back.'];
  return [
    '',
    'Set back',
    ...restored.flatMap(({ name, from, to, unit, restored: done, reason, needsReboot }) => [
      `  ${name}  ${inWords(from, unit)} → ${inWords(to, unit)}${done ? (needsReboot ? '  in force after a restart' : '') : '  NOT'}`,
      ...(reason ? under(reason) : []),
    ]),
  ];
}

function settingLines({ settings, database }: Tuned, { apply }: { apply?: true | undefined }): string[] {
  if (settings.length === 0) return ['', 'The settings are right as they are.'];
  const rows = settings.map(({ name, oldValue, newValue, unit, scope, applied, needsReboot, hindrance }) => [
    name,
    `${inWords(oldValue, unit)} → ${inWords(newValue, unit)}`,
    scope === 'database' ? 'of the database' : 'of the server',
    applied
      ? needsReboot
        ? 'set, in force after a restart'
        : 'set'
      : hindrance
        ? `not settable: ${hindrance}`
        : needsReboot
          ? 'needs a restart'
          : '',
  ]);
  const table = alignedTable(rows, 4);
  const open = settings.filter(({ applied }) => !applied);
  return [
    '',
    apply ? 'Settings' : 'Recommended settings',
    ...settings.flatMap(({ reason }, row) => [table[row]!, ...under(reason)]),
    ...(open.some(({ hindrance }) => hindrance === null)
      ? ['', 'Nothing was set: --apply sets them, --restore sets them back.']
      : []),
    ...byHand(
      open.filter(({ hindrance }) => hindrance !== null),
      database.slice(database.indexOf('/') + 1),
    ),
  ];
}

/** Statements for whoever may do it. */
function byHand(settings: Tuned['settings'], database: string): string[] {
  const ours = settings.filter(({ hindrance }) => !/embedded/.test(hindrance ?? ''));
  if (ours.length === 0) return [];
  const onRds = ours.filter(({ hindrance }) => /parameter group/.test(hindrance ?? ''));
  const statements = ours
    .filter((setting) => !onRds.includes(setting))
    .map(({ name, newValue, scope }) =>
      scope === 'instance'
        ? `  alter system set ${name} = '${newValue}';`
        : `  alter database "${database}" set ${name} = '${newValue}';`,
    );
  const parameters = onRds.map(
    ({ name, newValue, needsReboot }) =>
      `ParameterName=${name},ParameterValue=${newValue},ApplyMethod=${needsReboot ? 'pending-reboot' : 'immediate'}`,
  );
  return [
    ...(statements.length > 0 ? ['', 'To be set by others', ...statements] : []),
    ...(parameters.length > 0
      ? [
          '',
          'To be set in the parameter group of the instance',
          '  aws rds modify-db-parameter-group --db-parameter-group-name GROUP --parameters \\',
          ...parameters.map((one, at) => `    "${one}"${at < parameters.length - 1 ? ' \\' : ''}`),
        ]
      : []),
  ];
}

function indexLines({ indexes }: Tuned): string[] {
  if (indexes.length === 0) return [];
  return [
    '',
    'Indexes',
    ...indexes.flatMap(({ schema, index, action, seconds, reason, ddl }) => [
      `  ${schema}.${index}  ${action}${action === 'there already' ? '' : ` in ${duration(seconds)}`}`,
      ...under(reason),
      ...under(ddl),
    ]),
  ];
}

function suggestionLines({ suggestions }: Tuned): string[] {
  if (suggestions.length === 0) return [];
  return [
    '',
    'Suggested indexes, for filters on these metadata keys if the application has such',
    ...suggestions.flatMap(({ schema, option, reason }) => [
      `  ${schema}  --index '${option}'`,
      ...under(reason),
    ]),
  ];
}
