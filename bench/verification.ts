import pg from 'pg';
import { collectionChecksum } from '../src/postgres/digest.ts';
import { layoutOf } from '../src/postgres/layouts/layouts.ts';
import { atMost, count, duration, type Figure } from './figure.ts';
import { inTurns, secondsOf } from './in-turns.ts';
import { loadCollection } from './loaded-collection.ts';
import type { Collection, Setting } from './setting.ts';

/**
 * The full checksum beside one sequential read of the two tables: `COPY … TO '/dev/null' (FORMAT binary)`, in which the
 * server reads each row, brings its long values in from beside the table (TOAST) and writes every byte, to nobody. A
 * `select count(*)` would not read the vectors at all.
 */
export async function measureVerification(setting: Setting, collection: Collection): Promise<Figure> {
  const { plan, schema } = await loadCollection(setting, `verify-${collection.dimension}`, collection);
  const layout = layoutOf(plan.collections[0]!);
  const quoted = (table: string) => [schema, table].map(pg.escapeIdentifier).join('.');
  return setting.database.withClient('bench', async (client) => {
    // Autovacuum would do so too, when it likes.
    for (const table of layout.counted) await client.query(`analyze ${quoted(table)}`);
    const { summed, read } = await inTurns({
      summed: () => secondsOf(() => collectionChecksum(client, layout, schema)),
      read: () =>
        secondsOf(async () => {
          for (const table of layout.counted)
            await client.query(`copy ${quoted(table)} to '/dev/null' (format binary)`);
        }),
    });
    return {
      what: `full checksum, ${count(collection.records)} records of ${count(collection.dimension)} dimensions`,
      product: duration(summed),
      beside: `${duration(read)} to read both tables once (COPY to /dev/null)`,
      ratio: summed / read,
      goal: atMost(2, summed / read),
      headline: true,
    };
  });
}
