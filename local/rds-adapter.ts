import type { ClientBase } from 'pg';
import { MigrationError, TRANSIENT_ERRORS } from '../src/errors.ts';
import { StateFailure } from './state-machine/errors.ts';
import type { Fields } from './state-machine/fields.ts';
import { isObject, type Json } from './state-machine/json.ts';
import type { TaskResource } from './state-machine/resource.ts';

/** What the state machine calls of RDS, by the names of Step Functions' SDK integration. */
export type RdsAction = 'modifyDBParameterGroup' | 'rebootDBInstance' | 'describeDBInstances';

export interface RdsAdapter {
  /** @throws StateFailure with the error name that RDS would have, or another where RDS would not fail */
  call(action: RdsAction, args: Json): Promise<Json>;
}

/** Opens and closes a connection as src/postgres/database.ts does. */
interface Connections {
  withClient<T>(purpose: string, use: (client: ClientBase) => Promise<T>): Promise<T>;
}

/** Parameters that one ModifyDBParameterGroup takes. */
const MOST_PARAMETERS = 20;

/** RDS's answers from any Postgres: parameters become ALTER SYSTEM and a reload, and no server is restarted. */
export class PostgresRdsAdapter implements RdsAdapter {
  readonly #database: Connections;

  constructor(database: Connections) {
    this.#database = database;
  }

  async call(action: RdsAction, args: Json): Promise<Json> {
    try {
      return await this.#actions[action](args);
    } catch (error) {
      if (!(error instanceof MigrationError)) throw error;
      // What passes by itself has the name that the state machine retries.
      const isTransient = (TRANSIENT_ERRORS as readonly string[]).includes(error.name);
      throw new StateFailure(isTransient ? 'Rds.SdkClientException' : error.name, error.message);
    }
  }

  readonly #actions: Record<RdsAction, (args: Json) => Promise<Json>> = {
    modifyDBParameterGroup: (args) => this.#modify(readSettings(args)),
    rebootDBInstance: async () => {
      throw new StateFailure(
        'RebootRefused',
        'The local runner never restarts a Postgres server: restart it yourself, and run without --allow-reboot.',
      );
    },
    describeDBInstances: () => this.#describe(),
  };

  async #modify(settings: Setting[]): Promise<Json> {
    return this.#database.withClient('tuning', async (client): Promise<Json> => {
      if (await isPglite(client))
        return { Applied: false, Message: 'PGlite has no ALTER SYSTEM: no parameter was changed.' };
      // All are checked before the first is changed, since ALTER SYSTEM knows no transaction.
      const known = await readKnown(client, settings);
      for (const setting of settings) check(setting, known.get(setting.name));
      for (const { name, value } of settings) await alterSystem(client, name, value);
      await client.query('select pg_reload_conf()');
      return { Applied: true, DbParameterGroupName: 'postgresql.auto.conf' };
    });
  }

  async #describe(): Promise<Json> {
    return this.#database.withClient('tuning', async (client): Promise<Json> => {
      const { rows } = await client.query(
        "select current_setting('server_version') as version, pg_postmaster_start_time()::text as started",
      );
      const { version, started } = rows[0] as { version: string; started: string };
      const instance = {
        DbInstanceStatus: 'available',
        Engine: 'postgres',
        EngineVersion: version,
        StartedAt: started,
      };
      return { DbInstances: [instance] };
    });
  }
}

interface Setting {
  name: string;
  value: string;
}

interface KnownSetting {
  name: string;
  context: string;
  vartype: string;
  min_val: string | null;
  max_val: string | null;
  enumvals: string[] | null;
}

/** RDS names what it refuses so; not among the errors that the state machine retries, as it never passes. */
const invalid = (sentence: string) => new StateFailure('Rds.InvalidParameterValueException', sentence);

function readSettings(args: Json): Setting[] {
  const parameters = isObject(args) ? args.Parameters : undefined;
  if (!Array.isArray(parameters)) throw invalid('Parameters must be a list.');
  if (parameters.length > MOST_PARAMETERS)
    throw invalid(`One call takes at most ${MOST_PARAMETERS} parameters, not ${parameters.length}.`);
  return parameters.map((one) => {
    const { ParameterName: name, ParameterValue: value, ApplyMethod: method } = isObject(one) ? one : {};
    if (typeof name !== 'string' || typeof value !== 'string')
      throw invalid('Every parameter needs a ParameterName and a ParameterValue, both strings.');
    if (method !== 'immediate' && method !== 'pending-reboot')
      throw invalid(`The ApplyMethod of ${name} must be immediate or pending-reboot.`);
    return { name, value };
  });
}

async function readKnown(client: ClientBase, settings: Setting[]): Promise<Map<string, KnownSetting>> {
  const { rows } = await client.query<KnownSetting>(
    'select name, context, vartype, min_val, max_val, enumvals from pg_settings where name = any($1)',
    [settings.map(({ name }) => name)],
  );
  return new Map(rows.map((row) => [row.name, row]));
}

/**
 * RDS takes plain numbers in the unit of pg_settings (shared_buffers in pages of 8 kB), and so does ALTER SYSTEM;
 * a unit written out, which Postgres would take, RDS refuses.
 */
function check({ name, value }: Setting, known: KnownSetting | undefined): void {
  if (!known) throw invalid(`This server has no parameter '${name}'.`);
  if (known.context === 'internal') throw invalid(`The parameter '${name}' cannot be changed.`);
  if (known.vartype === 'integer' || known.vartype === 'real') {
    const pattern = known.vartype === 'integer' ? /^-?\d+$/ : /^-?\d+(\.\d+)?$/;
    const number = Number(value);
    if (!pattern.test(value) || number < Number(known.min_val) || number > Number(known.max_val))
      throw invalid(
        `The parameter '${name}' must be a number from ${known.min_val} to ${known.max_val}, not '${value}'.`,
      );
  }
  const values = known.vartype === 'bool' ? ['0', '1', 'on', 'off', 'true', 'false'] : known.enumvals;
  if (values && !values.includes(value.toLowerCase()))
    throw invalid(`The parameter '${name}' must be one of ${values.join(', ')}, not '${value}'.`);
}

async function alterSystem(client: ClientBase, name: string, value: string): Promise<void> {
  try {
    await client.query(`alter system set ${client.escapeIdentifier(name)} = ${client.escapeLiteral(value)}`);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === '42501')
      throw new StateFailure(
        'Rds.AccessDeniedException',
        `Postgres does not let this user change '${name}': connect as a superuser, or run with --tune report.`,
      );
    throw invalid(`Postgres refused to set '${name}' to '${value}': ${message}.`);
  }
}

async function isPglite(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ version: string }>('select version()');
  return /emscripten|wasm|pglite/i.test(rows[0]?.version ?? '');
}

/** Arguments that the adapter understands; what names the instance is ignored, as there is one server. */
const ARGUMENTS: Record<RdsAction, readonly string[]> = {
  modifyDBParameterGroup: ['DbParameterGroupName', 'Parameters'],
  rebootDBInstance: ['DbInstanceIdentifier'],
  describeDBInstances: ['DbInstanceIdentifier'],
};

/** The RDS tasks of the state machine by their Resource. */
export function rdsResources(adapter: RdsAdapter): [string, TaskResource][] {
  return (Object.keys(ARGUMENTS) as RdsAction[]).map((action) => [
    `arn:aws:states:::aws-sdk:rds:${action}`,
    {
      check(args: Fields) {
        for (const name of ARGUMENTS[action]) args.json(name);
        args.end();
      },
      call: (args: Json) => adapter.call(action, args),
    },
  ]);
}
