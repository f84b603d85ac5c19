/**
 * What the server is set to while a run loads and indexes: the formulae, and the ledger's word of what was before.
 */
import type pg from 'pg';
import type { ParameterSetting, Plan } from '../src/contract.ts';
import type { Database } from '../src/postgres/database.ts';
import { recordParameterChange } from '../src/postgres/ledger.ts';
import type { ParameterReport } from '../src/report/report.ts';
import { parameterBatches } from '../src/tune/apply-settings.ts';
import { readServer } from '../src/tune/read-server.ts';
import { bytesInUnit, type CurrentSetting, settingBytes } from '../src/tune/setting-units.ts';
import { graphOf, workloadOf } from '../src/tune/workload.ts';

/** How the state machine sets the profile, and how it or the function after a failure takes it back. */
export interface ImportProfile {
  run: string;
  batches: ParameterSetting[][];
  /** The old values, in the same form. */
  restore: ParameterSetting[][];
}

export interface ProfileFacts {
  /** Bytes that the load and the index builds write to WAL. */
  writtenBytes: number;
  storageBytes: number;
  /** Rows of pg_settings by name. */
  current: ReadonlyMap<string, CurrentSetting>;
}

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
/** RDS's smallest disk, where nobody says how large it is. */
const LEAST_STORAGE_BYTES = 20 * GIB;
/** More would only make the recovery after a crash longer: about 100 MB of WAL a second. */
const MOST_WAL_BYTES = 32 * GIB;
/** The longest that a run without checkpoints by time may make a recovery: half an hour. */
const CHECKPOINT_SECONDS = 1800;

/** By it the ledger's rows of this profile are known. */
const REASON = 'Import profile: fewer checkpoints while a run loads and indexes. Taken back at its end.';

/**
 * Settings worth a change, values only ever raised. Of memory nothing is taken: index builds take theirs in their own
 * sessions.
 *
 * max_wal_size: a checkpoint begins when WAL passes max_wal_size / (1 + checkpoint_completion_target) (PostgreSQL docs,
 * 28.5 "WAL Configuration"); a tenth of the disk at most, as WAL lies on it. checkpoint_timeout: each checkpoint makes
 * the next change of every page write it whole (docs, 28.5).
 */
export function importSettings({ writtenBytes, storageBytes, current }: ProfileFacts): ParameterReport[] {
  const target = Number(current.get('checkpoint_completion_target')?.setting ?? 0.9);
  const wal = Math.min(writtenBytes * (1 + target), storageBytes / 10, MOST_WAL_BYTES);
  const walBytes = Math.floor(wal / (64 * MIB)) * 64 * MIB;
  const wanted = new Map<string, (row: CurrentSetting) => string | null>([
    ['max_wal_size', (row) => (walBytes > settingBytes(row) ? bytesInUnit(walBytes, row) : null)],
    [
      'checkpoint_timeout',
      ({ setting }) => (CHECKPOINT_SECONDS > Number(setting) ? String(CHECKPOINT_SECONDS) : null),
    ],
  ]);
  return [...wanted].flatMap(([name, advise]): ParameterReport[] => {
    const row = current.get(name);
    const newValue = row && advise(row);
    if (!row || !newValue) return [];
    const { setting: oldValue, unit } = row;
    return [
      {
        name,
        scope: 'instance',
        oldValue,
        newValue,
        unit,
        reason: REASON,
        needsReboot: false,
        applied: true,
      },
    ];
  });
}

/** Names of the settings that the profile may change. */
export const IMPORT_SETTINGS: readonly string[] = ['max_wal_size', 'checkpoint_timeout'];

/**
 * Chooses the profile and writes the old values to the ledger before anything is set. Can be replayed, also while the
 * profile of this or another run is in force: then that run's old values are the old values.
 *
 * @throws TargetUnavailable
 */
export async function chooseImportProfile(
  database: Database,
  plan: Plan,
  storageBytes: number = LEAST_STORAGE_BYTES,
): Promise<ImportProfile> {
  const settings = await database.withClient(`tune ${plan.run}`, async (client) => {
    const { current, embedded } = await readServer(client);
    if (embedded) return [];
    const before = await valuesBefore(client, plan.run, current);
    for (const [name, setting] of before.values) current.set(name, { ...current.get(name)!, setting });
    const chosen = importSettings({ writtenBytes: writtenBytes(plan), storageBytes, current });
    await client.query('begin');
    for (const setting of chosen)
      if (!before.recorded.has(setting.name))
        await recordParameterChange(client, { run: plan.run, ...setting });
    await client.query('commit');
    return chosen;
  });
  const old = settings.map((setting) => ({ ...setting, newValue: setting.oldValue! }));
  return { run: plan.run, batches: parameterBatches(settings), restore: parameterBatches(old) };
}

const writtenBytes = (plan: Plan): number =>
  workloadOf(plan, new Map()).reduce((sum, item) => sum + item.dataBytes + graphOf(item), 0);

/** The settings' values from before any profile that is in force, and which of them this run has noted already. */
async function valuesBefore(
  client: pg.Client,
  run: string,
  current: ReadonlyMap<string, CurrentSetting>,
): Promise<{ values: Map<string, string>; recorded: Set<string> }> {
  const { rows } = await client.query<{ run: string; name: string; old: string; new: string }>(
    `select run, name, old_value as old, new_value as new from chroma_migration.parameter_changes
      where reason = $1 and name = any ($2) order by id`,
    [REASON, IMPORT_SETTINGS],
  );
  const inForce = rows.filter((row) => row.new === current.get(row.name)?.setting);
  return {
    values: new Map(inForce.map((row) => [row.name, row.old])),
    recorded: new Set(rows.filter((row) => row.run === run).map((row) => row.name)),
  };
}
