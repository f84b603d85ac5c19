import type pg from 'pg';
import type { LayoutName, Plan } from '../contract.ts';
import { UpdateImpossible } from '../errors.ts';

/**
 * Schemas of the plan whose live tables can be brought up to date in place; a collection that has none yet is migrated
 * whole.
 *
 * @throws UpdateImpossible if live tables are of another collection of that name, of another dimension, or without keys
 */
export async function findUpdatable(client: pg.Client, plan: Plan): Promise<Set<string>> {
  const { rows } = await client.query<{
    schema: string;
    id: string;
    layout: LayoutName;
    dimension: number | null;
    keys: number;
    generated: string[];
  }>(
    `select p.schema, p.collection_id as id, p.layout, nullif(a.atttypmod, -1) as dimension,
            array(select g.attname::text from pg_attribute g
                   where g.attrelid = to_regclass(format('%I.documents', p.schema)) and g.attgenerated = 's') as generated,
            (select count(*) from pg_constraint c where c.contype = 'p' and c.conrelid in (
               to_regclass(format('%I.documents', p.schema)), to_regclass(format('%I.embeddings', p.schema)))) as keys
       from chroma_migration.published_schemas p
       left join pg_attribute a on a.attrelid = to_regclass(format('%I.embeddings', p.schema))
        and a.attname = 'embedding' and not a.attisdropped
      where p.schema = any ($1) and (p.layout <> 'guide' or to_regclass(format('%I.documents', p.schema)) is not null)`,
    [plan.collections.map(({ schema }) => schema)],
  );
  const live = new Map(rows.map((row) => [row.schema, row]));
  for (const { schema, collection, collectionId, dimension, sparseColumns = [] } of plan.collections) {
    const tables = live.get(schema);
    if (!tables) continue;
    const lacking = sparseColumns.find(({ column }) => !tables.generated.includes(column));
    const reason =
      tables.layout !== 'guide' || plan.options.layout !== 'guide'
        ? `only tables of the layout "guide" can be, and they are of "${tables.layout}" and asked for as "${plan.options.layout}"`
        : tables.id !== collectionId
          ? 'the collection was deleted and made anew since'
          : tables.dimension !== dimension
            ? `they have ${tables.dimension ?? 'no'} dimensions and the collection ${dimension ?? 'none'}`
            : tables.keys < 2
              ? 'they have lost a primary key'
              : lacking
                ? `they have no column "${lacking.column}" of sparse vectors`
                : null;
    if (reason !== null)
      throw new UpdateImpossible(
        `The live tables of collection "${collection}" (schema "${schema}") cannot be brought up to date, since ${reason}: migrate it anew without --update-existing.`,
      );
  }
  return new Set(live.keys());
}
