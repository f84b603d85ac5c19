import { randomUUID } from 'node:crypto';
import type { RecordSource } from '../src/chroma/record-source.ts';
import { MigrationError } from '../src/errors.ts';
import type { Database } from '../src/postgres/database.ts';
import type { ShardStore } from '../src/store/store.ts';

/** More than one of the things that a run needs cannot be used. The message has a line for each. */
export class NotReady extends MigrationError {
  static override readonly errorName = 'NotReady';
}

/**
 * Looks whether both servers answer and the store can be written before the state machine begins: it would
 * find out too, but only after the patience that it has with servers that are away for a while.
 *
 * @throws MigrationError: what is wrong, or NotReady naming all if several things are
 */
export async function preflight(chroma: RecordSource, database: Database, store: ShardStore): Promise<void> {
  const looks = await Promise.allSettled([
    chroma.version(),
    database.withClient('preflight', (client) => client.query('select 1')),
    probe(store),
  ]);
  const reasons = looks.flatMap((look) => (look.status === 'rejected' ? [look.reason as Error] : []));
  if (reasons.length > 1)
    throw new NotReady(reasons.map(({ message }) => message).join('\n'), {
      cause: new AggregateError(reasons),
    });
  if (reasons.length === 1) throw reasons[0];
}

async function probe(store: ShardStore): Promise<void> {
  const key = `probe-${randomUUID()}`;
  await store.writeText(key, 'may this be written?');
  await store.delete(key);
}
