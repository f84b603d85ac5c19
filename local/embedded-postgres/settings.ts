import { Fatal } from './protocol.ts';

/** Parameters that a connection has set for itself, by name, in the form that set_config takes. */
export type Settings = ReadonlyMap<string, string>;

/**
 * What has been set in the session. `role` and `session_authorization` are not in pg_settings.
 */
export const READ_SETTINGS = `
  select name, setting from pg_settings where source = 'session'
  union all
  select 'role', current_setting('role') where current_setting('role') <> 'none'`;

export const changesOf = (rows: (string | null)[][]): Settings =>
  new Map(rows.map(([name, setting]) => [name ?? '', setting ?? '']));

/** @returns the statements that take one connection's settings back and make another's; null if there are none */
export function changeSettings(from: Settings | undefined, to: Settings): string | null {
  const statements: string[] = [];
  if (from && from.size > 0) statements.push('reset session authorization', 'reset role', 'reset all');
  for (const [name, value] of to)
    statements.push(`select set_config(${literal(name)}, ${literal(value)}, false)`);
  return statements.length === 0 ? null : statements.join(';');
}

const literal = (value: string) => `'${value.replaceAll("'", "''")}'`;

/** The database is in UTF-8, and what a client sends is handed over as it is. */
const ENCODINGS = /^('?utf-?8'?|unicode)$/i;

/** What a startup packet wants set; `options` holds more of it, as on the command line of Postgres. */
export function settingsOf(parameters: ReadonlyMap<string, string>): Settings {
  const settings = new Map<string, string>();
  for (const [name, value] of parameters) {
    if (name === 'user' || name === 'database' || name === 'replication' || name.startsWith('_pq_.'))
      continue;
    if (name === 'options') for (const [key, set] of optionsIn(value)) settings.set(key, set);
    else settings.set(name, value);
  }
  const encoding = settings.get('client_encoding');
  if (encoding !== undefined && !ENCODINGS.test(encoding))
    throw new Fatal('22023', `The embedded Postgres speaks UTF-8 only: do not ask for ${encoding}.`);
  settings.delete('client_encoding');
  return settings;
}

/** `-c name=value`, `-cname=value` and `--name=value`; a backslash keeps a space from ending a value. */
function optionsIn(options: string): [string, string][] {
  const words = options.match(/(?:\\.|[^\s\\])+/g) ?? [];
  return words
    .join(' ')
    .replaceAll('-c ', '-c')
    .split(' ')
    .flatMap((word) => {
      const [, name, value] = /^-[-c](\w[\w.-]*)=(.*)$/s.exec(word.replaceAll(/\\(.)/g, '$1')) ?? [];
      return name === undefined ? [] : [[name.replaceAll('-', '_'), value ?? ''] as [string, string]];
    });
}
