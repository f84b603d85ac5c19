import type pg from 'pg';
import type { Log } from '../log.ts';
import { lacksSharedMemory } from '../postgres/errors.ts';

/**
 * Runs a statement that builds an index. Where the memory that helpers share has no room, one process builds alone: it
 * needs none of that. The session stays without helpers then.
 *
 * @param about what the warning says of the index
 * @param clear takes away what the first try has left
 */
export async function createIndex(
  client: pg.Client,
  ddl: string,
  log: Log,
  about: Record<string, unknown>,
  clear: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  try {
    await client.query(ddl);
  } catch (error) {
    if (!lacksSharedMemory(error)) throw error;
    log.warn(
      "one process builds the index without helpers: the server's shared memory (/dev/shm; docker run --shm-size=1g) has no room for them",
      about,
    );
    await clear();
    await client.query('set max_parallel_maintenance_workers = 0');
    await client.query(ddl);
  }
}
