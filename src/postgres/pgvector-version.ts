/** Below it parallel builds may overflow a buffer or corrupt an index (pgvector's changelog, 0.8.2 to 0.8.4). */
const SOUND_PGVECTOR = '0.8.4';
/** What a person should know of the installed version. */
export function pgvectorWarnings(installed: string): string[] {
  const older = installed.localeCompare(SOUND_PGVECTOR, 'en', { numeric: true }) < 0;
  return older
    ? [
        `pgvector ${installed} is installed; versions before ${SOUND_PGVECTOR} have bugs in parallel index builds: upgrade it, then ALTER EXTENSION vector UPDATE.`,
      ]
    : [];
}
