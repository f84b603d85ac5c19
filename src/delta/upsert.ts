import type pg from 'pg';
import { TABLE_ROWS } from '../copy/table-rows.ts';
import { UpdateImpossible } from '../errors.ts';
import { SQLSTATE } from '../postgres/errors.ts';

/**
 * Takes staged rows of the guide's tables into live ones, where they take the place of those of their id.
 *
 * @param live schema of the live tables, quoted
 * @param staged schema of the staged rows, quoted
 * @param first statements that go before
 * @throws UpdateImpossible if a key or an index of the live tables does not take them
 */
export async function upsertStaged(
  client: pg.Client,
  { schema, live, staged }: { schema: string; live: string; staged: string },
  first: readonly string[] = [],
): Promise<void> {
  const statements = [
    ...first,
    // Two records may exchange their places in a file, which the unique key would take for a conflict on the way.
    `update ${live}.documents d set chunk_index = null from ${staged}.documents staged
      where staged.id = d.id and d.chunk_index is not null
        and (staged.file_path, staged.chunk_index) is distinct from (d.file_path, d.chunk_index)`,
    ...TABLE_ROWS.guide.map(({ object, columns }) => upsert(live, staged, object, columns)),
  ];
  try {
    await client.query(statements.join(';'));
  } catch (error) {
    throw refusal(error, schema);
  }
}

function upsert(live: string, staged: string, table: string, columns: readonly string[]): string {
  const also = table === 'documents' ? ', updated_at = now()' : '';
  const all = columns.join(', ');
  const changed = columns
    .filter((column) => column !== 'id')
    .map((column) => `${column} = excluded.${column}`);
  return `insert into ${live}.${table} (${all}) select ${all} from ${staged}.${table}
          on conflict (id) do update set ${changed.join(', ')}${also}`;
}

/** What of the change a key or an index of the live tables does not take. */
function refusal(error: unknown, schema: string): unknown {
  const { code, message, detail, constraint } = error as pg.DatabaseError;
  const keyTaken = code === SQLSTATE.uniqueViolation && constraint !== undefined;
  if (!keyTaken && code !== SQLSTATE.programLimitExceeded) return error;
  return new UpdateImpossible(
    `The live tables of schema "${schema}" cannot take what changed (${message}${detail ? `: ${detail}` : ''}) and are left as they were: drop that key or index, or replace the collection as a whole without --update-existing.`,
    { cause: error },
  );
}
