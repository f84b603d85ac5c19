import type pg from 'pg';
import { recordParameterChange } from '../postgres/ledger.ts';
import { migrateLedger } from '../postgres/ledger-schema.ts';
import type { ParameterReport } from '../report/report.ts';
import { alterDatabase } from './apply-settings.ts';
import { type LiveCollection, liveWorkload } from './live-collections.ts';
import { memoryOf, readServer, type Server } from './read-server.ts';
import { recommendSettings } from './recommend-settings.ts';

/** A recommended setting, and why it is not for this role or this server to apply, if it is not. */
export interface LiveSetting extends ParameterReport {
  hindrance: string | null;
}

export interface LiveAdvice {
  database: string;
  memoryBytes: number;
  /** Only that much is known to be there. */
  memoryIsLowerBound: boolean;
  settings: LiveSetting[];
}

/** What to set for what the live tables hold. Reads only. */
export async function adviseLive(
  client: pg.Client,
  live: readonly LiveCollection[],
  instanceMemoryBytes: number | undefined,
): Promise<LiveAdvice> {
  const server = await readServer(client);
  const memory = memoryOf(server, instanceMemoryBytes);
  const recommended = recommendSettings({
    ...memory,
    vcpus: null,
    workload: liveWorkload(live),
    current: server.current,
  });
  const role = await readRole(client, recommended);
  return {
    ...memory,
    database: server.database,
    settings: recommended.map((setting) => ({ ...setting, hindrance: hindranceOf(setting, server, role) })),
  };
}

interface Role {
  name: string;
  onRds: boolean;
  /** Settings that this role may change with ALTER SYSTEM. */
  may: ReadonlySet<string>;
}

async function readRole(client: pg.Client, settings: readonly ParameterReport[]): Promise<Role> {
  const { rows } = await client.query<{ name: string; superuser: boolean; rds: boolean; version: number }>(
    `select current_user as name, rolsuper as superuser, current_setting('server_version_num')::integer as version,
            exists (select from pg_roles where rolname = 'rdsadmin') as rds
       from pg_roles where rolname = current_user`,
  );
  const { name, superuser, rds, version } = rows[0]!;
  const names = settings.map((setting) => setting.name);
  if (superuser || version < 150_000) return { name, onRds: rds, may: new Set(superuser ? names : []) };
  const granted = await client.query<{ name: string }>(
    `select name from unnest($1::text[]) as name where has_parameter_privilege(name, 'alter system')`,
    [names],
  );
  return { name, onRds: rds, may: new Set(granted.rows.map((row) => row.name)) };
}

function hindranceOf(
  { name, scope }: ParameterReport,
  { embedded, ownsDatabase, database }: Server,
  role: Role,
): string | null {
  if (embedded) return 'an embedded database has no settings of its own';
  if (scope === 'database')
    return ownsDatabase
      ? null
      : `role "${role.name}" does not own database "${database}": let its owner set it`;
  if (role.onRds) return "RDS takes it in the instance's parameter group only";
  return role.may.has(name) ? null : `role "${role.name}" may not ALTER SYSTEM: let a superuser set it`;
}

/**
 * Applies what nothing hinders. The old values are in the ledger, under a run of their own, before anything is set;
 * the server says itself what it takes of the instance's settings.
 *
 * @param setInstance sets the instance's settings
 * @returns all settings, `applied` where they were
 */
export async function applyLive(
  client: pg.Client,
  run: string,
  { database, settings }: LiveAdvice,
  setInstance: (settings: ParameterReport[]) => Promise<void>,
): Promise<LiveSetting[]> {
  const chosen = settings.filter(({ hindrance }) => hindrance === null);
  if (chosen.length > 0) {
    await migrateLedger(client);
    await client.query('begin');
    await client.query(
      `insert into chroma_migration.runs (run, state, options, ended_at) values ($1, 'succeeded', '{"command": "tune"}', now())`,
      [run],
    );
    for (const setting of chosen) await recordParameterChange(client, { run, ...setting });
    await alterDatabase(
      client,
      database,
      chosen.filter(({ scope }) => scope === 'database'),
    );
    await client.query('commit');
    const ofInstance = chosen.filter(({ scope }) => scope === 'instance');
    if (ofInstance.length > 0) await setInstance(ofInstance);
  }
  return settings.map((setting) => ({ ...setting, applied: setting.hindrance === null }));
}
