import pg from 'pg';
import type { ParameterSetting } from '../contract.ts';
import type { ParameterReport } from '../report/report.ts';

/** ModifyDBParameterGroup takes at most 20 parameters a call (Amazon RDS API reference). */
const SETTINGS_A_CALL = 20;

/**
 * Sets a database's own defaults. They hold for sessions that begin later, survive a restart and need no
 * superuser; the owner of the database may set them.
 */
export async function alterDatabase(
  client: pg.Client,
  database: string,
  settings: readonly ParameterReport[],
): Promise<void> {
  for (const { name, newValue } of settings) {
    await client.query(
      `alter database ${pg.escapeIdentifier(database)} set ${quotedSetting(name)} = ${pg.escapeLiteral(newValue)}`,
    );
  }
}

/** The two parts of `hnsw.ef_search` are one name here, so each is quoted by itself. */
export const quotedSetting = (name: string): string => name.split('.').map(pg.escapeIdentifier).join('.');

/** Settings of the instance as the state machine hands them to RDS, a call each. */
export function parameterBatches(settings: readonly ParameterReport[]): ParameterSetting[][] {
  const all = settings.map(
    ({ name, newValue, needsReboot }): ParameterSetting => ({
      ParameterName: name,
      ParameterValue: newValue,
      ApplyMethod: needsReboot ? 'pending-reboot' : 'immediate',
    }),
  );
  const batches: ParameterSetting[][] = [];
  for (let start = 0; start < all.length; start += SETTINGS_A_CALL)
    batches.push(all.slice(start, start + SETTINGS_A_CALL));
  return batches;
}
