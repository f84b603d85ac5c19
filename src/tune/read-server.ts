import type pg from 'pg';
import { SETTINGS_READ } from './recommend-settings.ts';
import { type CurrentSetting, settingBytes } from './setting-units.ts';

/** What the server says of itself before anything is tuned. */
export interface Server {
  database: string;
  current: Map<string, CurrentSetting>;
  /** A build for WebAssembly: one process in this program's memory, with no instance to set anything of. */
  embedded: boolean;
  /** Whether this role may change the database's own defaults. */
  ownsDatabase: boolean;
}

export async function readServer(client: pg.Client): Promise<Server> {
  // pgvector's settings are in pg_settings only once its library is loaded, which any use of the type does.
  await client.query(`select '[1]'::vector`);
  const { rows: settings } = await client.query<CurrentSetting & { name: string }>(
    'select name, setting, unit, context from pg_settings where name = any($1)',
    [SETTINGS_READ],
  );
  const { rows } = await client.query<{ database: string; version: string; owns: boolean }>(
    `select datname as database, version(), pg_has_role(current_user, datdba, 'usage') as owns
       from pg_database where datname = current_database()`,
  );
  const { database, version, owns } = rows[0]!;
  return {
    database,
    current: new Map(settings.map(({ name, ...setting }) => [name, setting])),
    // PGlite 0.5: "PostgreSQL 18.6 (PGlite 0.5.14) on wasm32-unknown-emscripten, …"
    embedded: /\bPGlite\b|emscripten/.test(version),
    ownsDatabase: owns,
  };
}

/**
 * Postgres does not say how much memory its machine has. RDS sets shared_buffers to a quarter of it
 * ({DBInstanceClassMemory/32768} pages of 8 kB, RDS user guide), so four times shared_buffers is that memory there. Elsewhere
 * it is taken for a lower bound: a fresh installation has 128 MiB of shared_buffers on any machine.
 */
export function memoryOf(
  { current }: Server,
  instanceMemoryBytes: number | undefined,
): { memoryBytes: number; memoryIsLowerBound: boolean } {
  if (instanceMemoryBytes !== undefined)
    return { memoryBytes: instanceMemoryBytes, memoryIsLowerBound: false };
  return { memoryBytes: 4 * settingBytes(current.get('shared_buffers')!), memoryIsLowerBound: true };
}
