import pg from 'pg';
import { TargetRefused } from '../errors.ts';
import type { Database } from '../postgres/database.ts';
import { quotedSetting } from './apply-settings.ts';

/** A setting that was changed and what became of it. */
export interface RestoredSetting {
  name: string;
  scope: 'instance' | 'database';
  /** What was set, in pg_settings' unit. */
  from: string;
  to: string | null;
  unit: string | null;
  restored: boolean;
  needsReboot: boolean;
  /** One sentence, where it was not restored. */
  reason: string | null;
}

interface Change {
  scope: 'instance' | 'database';
  name: string;
  old: string | null;
  new: string;
  unit: string | null;
  reboot: boolean;
}

/**
 * Sets back what migrations and `tune --apply` have set: each setting to its value before the first change that was
 * not taken back yet. What somebody has set otherwise since then stays.
 */
export async function restoreSettings(database: Database): Promise<RestoredSetting[]> {
  const changes = await database.withClient('tune', pendingChanges);
  const restored: RestoredSetting[] = [];
  for (const change of changes) restored.push(await restore(database, change));
  return restored;
}

async function pendingChanges(client: pg.Client): Promise<Change[]> {
  const known = await client.query<{ there: boolean }>(
    `select to_regclass('chroma_migration.parameter_changes') is not null as there`,
  );
  if (!known.rows[0]!.there) return [];
  const { rows } = await client.query<Change>(
    `select scope, name, (array_agg(old_value order by id))[1] as old, (array_agg(new_value order by id desc))[1] as new,
            max(unit) as unit, bool_or(needs_reboot) as reboot
       from chroma_migration.parameter_changes
      where restored_at is null group by scope, name order by scope, name`,
  );
  return rows;
}

async function restore(database: Database, change: Change): Promise<RestoredSetting> {
  const { scope, name, unit, reboot } = change;
  const answer = (restored: boolean, reason: string | null = null): RestoredSetting => ({
    ...{ name, scope, unit, restored, reason, needsReboot: reboot },
    from: change.new,
    to: change.old,
  });
  const present = await inNewSession(database, name);
  // A setting that waits for a restart still has its old value.
  if (present !== change.new && present !== change.old)
    return answer(false, `It is ${present} now, which neither a migration nor tune has set: it stays.`);
  try {
    await setBack(database, change);
  } catch (error) {
    if (!(error instanceof TargetRefused)) throw error;
    return answer(
      false,
      'This role may not set it: let the one that set it, or a superuser, run tune --restore.',
    );
  }
  await database.withClient('tune', (client) =>
    client.query(
      'update chroma_migration.parameter_changes set restored_at = now() where restored_at is null and scope = $1 and name = $2',
      [scope, name],
    ),
  );
  return answer(true);
}

/** Takes the setting away, and sets the old value only if that is not what comes to light then. */
async function setBack(database: Database, change: Change): Promise<void> {
  const { name, old, reboot } = change;
  await alter(database, change, `reset ${quotedSetting(name)}`);
  // Before the restart nobody sees what stands behind a static setting.
  const unsure = reboot && (await pendingRestart(database, name));
  if (old !== null && (unsure || (await inNewSession(database, name)) !== old))
    await alter(database, change, `set ${quotedSetting(name)} = ${pg.escapeLiteral(old)}`);
}

async function alter(database: Database, { scope }: Change, what: string): Promise<void> {
  await database.withClient('tune', async (client) => {
    if (scope === 'instance') {
      await client.query(`alter system ${what}`);
      await client.query('select pg_reload_conf()');
      // The postmaster reads its files in its own time, and a session begins with what it has read.
      await client.query('select pg_sleep(0.2)');
      return;
    }
    const { rows } = await client.query<{ name: string }>('select current_database() as name');
    await client.query(`alter database ${pg.escapeIdentifier(rows[0]!.name)} ${what}`);
  });
}

/** In pg_settings' unit, as a session sees it that begins now. */
async function inNewSession(database: Database, name: string): Promise<string | null> {
  return database.withClient('tune', async (client) => {
    // pgvector's settings are there only once its library is loaded.
    await client.query(`select '[1]'::vector`);
    const { rows } = await client.query<{ setting: string }>(
      'select setting from pg_settings where name = $1',
      [name],
    );
    return rows[0]?.setting ?? null;
  });
}

async function pendingRestart(database: Database, name: string): Promise<boolean> {
  return database.withClient('tune', async (client) => {
    const { rows } = await client.query<{ pending: boolean }>(
      'select pending_restart as pending from pg_settings where name = $1',
      [name],
    );
    return rows[0]?.pending ?? false;
  });
}
