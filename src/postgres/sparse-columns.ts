/** Sparse vectors of the metadata as columns that Postgres keeps in step with it. */
import pg from 'pg';
import sparseVector from '../../sql/collection/sparse-vector.sql';
import type { CollectionPlan, SparseColumn } from '../contract.ts';
import { TargetRefused } from '../errors.ts';
import type { Layout } from './layouts/layout.ts';
import { filled } from './template.ts';

/** By name and arguments: it moves with the tables whose columns are made by it. */
export const SPARSE_FUNCTION = 'chroma_sparse_vector(jsonb, integer)';

/** pgvector has the type since then (its changelog). */
const FIRST_WITH_SPARSEVEC = '0.7.0';

/**
 * Generated columns cannot drift from what they are made of, need no place in a shard, and follow every later write.
 * @param schema quoted
 */
export function sparseColumnsDdl(
  { sparseColumns = [] }: CollectionPlan,
  schema: string,
  layout: Layout,
): string {
  if (sparseColumns.length === 0 || layout.metadata === null) return '';
  const { table, column: metadata } = layout.metadata;
  const columns = sparseColumns.map(
    ({ key, column, dimension }) =>
      `alter table ${schema}.${pg.escapeIdentifier(table)} add column ${pg.escapeIdentifier(column)} sparsevec(${dimension})
  generated always as (${schema}.chroma_sparse_vector(${metadata} -> ${pg.escapeLiteral(key)}, ${dimension})) stored;`,
  );
  return `${filled(sparseVector, { schema })}${columns.join('\n')}\n`;
}

/** @throws TargetRefused if columns are asked for that the installed pgvector has no type for */
export function checkSparseType(
  collections: readonly CollectionPlan[],
  pgvectorVersion: string,
  where: string,
): void {
  if (!collections.some(({ sparseColumns }) => sparseColumns?.length)) return;
  if (pgvectorVersion.localeCompare(FIRST_WITH_SPARSEVEC, 'en', { numeric: true }) >= 0) return;
  throw new TargetRefused(
    `pgvector ${pgvectorVersion} of ${where} has no type sparsevec, which came with ${FIRST_WITH_SPARSEVEC}: upgrade it, then ALTER EXTENSION vector UPDATE, or leave --sparse-column away.`,
  );
}

/** As Postgres prints the expression of such a column. */
const EXPRESSION = /chroma_sparse_vector\(\(\w+ -> '((?:[^']|'')*)'::text\), (\d+)\)$/s;

/** The columns of sparse vectors that a collection's tables have, whoever asked for them. */
async function sparseColumnsOf(client: pg.Client, layout: Layout, schema: string): Promise<SparseColumn[]> {
  if (layout.metadata === null) return [];
  const { rows } = await client.query<{ column: string; expression: string }>(
    `select a.attname as column, pg_get_expr(d.adbin, d.adrelid) as expression
       from pg_attribute a join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = to_regclass($1) and a.attgenerated = 's' and not a.attisdropped order by a.attnum`,
    [tableOf(layout.metadata, schema)],
  );
  return rows.flatMap(({ column, expression }) => {
    const [, key, dimension] = EXPRESSION.exec(expression) ?? [];
    return key === undefined
      ? []
      : [{ key: key.replaceAll("''", "'"), column, dimension: Number(dimension) }];
  });
}

/** What verification found of one column. */
export interface SparseColumnFinding extends SparseColumn {
  /** Records whose sparse vector stands in the column. */
  filled: number;
  /** Records that hold something under the key that is no sparse vector of that dimension: their column is null. */
  leftOut: { count: number; ids: string[] };
  /** Records whose column is not what their metadata says. */
  differing: string[];
}

/** Records that are named of each kind. */
const NAMED = 100;

/**
 * Compares each column with the metadata by other means than the function that it is made by: element by element, as
 * float32s, from the column's text.
 */
export async function sparseColumnFindings(
  client: pg.Client,
  layout: Layout,
  schema: string,
): Promise<SparseColumnFinding[]> {
  const findings: SparseColumnFinding[] = [];
  for (const one of await sparseColumnsOf(client, layout, schema)) {
    const { column: metadata, id } = layout.metadata!;
    const vector = `t.${pg.escapeIdentifier(one.column)}`;
    const { rows } = await client.query<{
      filled: number;
      left_out: number;
      left: string[];
      differing: string[];
    }>(
      `with compared as (
         select t.${id} as id, ${vector} is not null as filled,
                ${vector} is null and jsonb_typeof(t.${metadata} -> $1) <> 'null' as left_out,
                ${vector} is not null and (
                  split_part(${vector}::text, '/', 2) <> $2
                  or array_remove(string_to_array(trim(split_part(${vector}::text, '/', 1), '{}'), ','), '') is distinct from said.elements
                ) as differs
           from ${tableOf(layout.metadata!, schema)} t
           cross join lateral (
             select coalesce(array_agg((i.index::numeric + 1)::bigint || ':' || v.component::real order by i.index::numeric), '{}') as elements
               from jsonb_array_elements_text(case when ${vector} is not null then t.${metadata} -> $1 -> 'indices' end)
                    with ordinality i (index, place)
               join jsonb_array_elements_text(case when ${vector} is not null then t.${metadata} -> $1 -> 'values' end)
                    with ordinality v (component, place) using (place)
              where abs(v.component::numeric) > 7.006492321624085354618e-46
           ) said)
       select count(*) filter (where filled) as filled, count(*) filter (where left_out) as left_out,
              coalesce((array_agg(id order by id) filter (where left_out))[:${NAMED}], '{}') as left,
              coalesce((array_agg(id order by id) filter (where differs))[:${NAMED}], '{}') as differing
         from compared`,
      [one.key, String(one.dimension)],
    );
    const { filled, left_out, left, differing } = rows[0]!;
    findings.push({ ...one, filled, leftOut: { count: left_out, ids: left }, differing });
  }
  return findings;
}

const tableOf = ({ table }: { table: string }, schema: string) =>
  `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`;
