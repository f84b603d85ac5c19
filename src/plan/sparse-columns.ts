import type { CollectionPlan, SparseColumn } from '../contract.ts';
import { InvalidInput } from '../errors.ts';
import type { MigrationInput } from '../migration-input.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import { safeName } from './schema-name.ts';

/** Columns that each table has (PostgreSQL, "System Columns"). */
const OF_EVERY_TABLE = ['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid'];
const IDENTIFIER_BYTES = 63;

/**
 * The columns that were asked for, with names where none were given.
 * @throws InvalidInput if the tables cannot have them
 */
export function sparseColumns(
  { sparseColumns: asked, layout: name }: Pick<MigrationInput, 'sparseColumns' | 'layout'>,
  collection: string,
): SparseColumn[] | undefined {
  if (asked === undefined) return undefined;
  const layout = layoutOf({ layout: name, collection });
  if (layout.metadata === null)
    throw new InvalidInput(
      `Tables of the layout "${name}" are parts of one that all collections share, and have its columns alone: leave --sparse-column away, or choose another layout.`,
    );
  const ddl = layout.tables(
    { dimension: null, model: null, metadata: null, collection } as CollectionPlan,
    '',
  );
  const taken = new Set([
    ...OF_EVERY_TABLE,
    ...[...ddl.matchAll(/^ {2}(\w+) /gm)].map(([, column]) => column),
  ]);
  return asked.map(({ key, column = safeName(key, IDENTIFIER_BYTES), dimension }) => {
    if (taken.has(column))
      throw new InvalidInput(
        `The tables have a column "${column}" already, which cannot be that of the sparse vectors of "${key}": name another, --sparse-column '${key}=NAME'.`,
      );
    taken.add(column);
    return { key, column, dimension };
  });
}
