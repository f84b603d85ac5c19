import { randomUUID } from 'node:crypto';
import type { ChromaSource } from '../src/chroma/chroma-source.ts';
import type { Database } from '../src/postgres/database.ts';
import type { ShardStore } from '../src/store/store.ts';

/**
 * Looks whether both servers answer and the store can be written before the state machine begins: it would
 * find out too, but only after the patience that it has with servers that are away for a while.
 *
 * @throws the first of the named errors
 */
export async function preflight(chroma: ChromaSource, database: Database, store: ShardStore): Promise<void> {
  await chroma.version();
  await database.withClient('preflight', (client) => client.query('select 1'));
  const probe = `probe-${randomUUID()}`;
  await store.writeText(probe, '');
  await store.delete(probe);
}
