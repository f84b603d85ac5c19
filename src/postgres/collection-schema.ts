import pg from 'pg';
import type { CollectionPlan, Plan } from '../contract.ts';
import type { IndexDefinition } from './index-definition.ts';
import { layoutOf } from './layouts/layouts.ts';
import { searchFunctions } from './search-functions.ts';
import { attachment, sharedSchemaOf, sharedTablesDdl } from './shared-tables.ts';
import { sparseColumnsDdl } from './sparse-columns.ts';

/** Where a run fills the tables that will take the place of those in `schema`. */
export const incomingSchema = (schema: string): string => `${schema}__incoming`;
/** An incoming schema says in its comment which run made it. */
export const incomingComment = (run: string): string => `incoming tables of migration run ${run}`;
/** Where the tables are that were live before. */
export const previousSchema = (schema: string): string => `${schema}__previous`;

/** DDL of one collection in one schema, in the order in which it is run. */
export interface CollectionSchema {
  /** Tables, views and the search functions: before the load. */
  tables: string;
  /** On the functions. Postgres finds a function by its name among those of all schemas, so those of many are made first. */
  comments: string;
  /** After the load. */
  indexes: IndexDefinition[];
}

export function collectionSchema(plan: CollectionPlan, schema: string): CollectionSchema {
  const quoted = pg.escapeIdentifier(schema);
  const layout = layoutOf(plan);
  const { functions, comments } = searchFunctions(plan, quoted, layout);
  return {
    tables: layout.tables(plan, quoted) + sparseColumnsDdl(plan, quoted, layout) + functions,
    comments,
    indexes: layout.indexes(plan, quoted),
  };
}

/** The exact DDL of a plan as one text, as the tables will stand when they are live. */
export function planDdl({ collections }: Plan): string {
  const shared = new Map(collections.map((collection) => [sharedSchemaOf(collection), collection]));
  return [
    'create extension if not exists vector;',
    ...[...shared].flatMap(([schema, collection]) =>
      schema === null ? [] : [sharedTablesDdl(collection, schema).trim()],
    ),
    ...collections.map(collectionDdl),
  ].join('\n\n');
}

function collectionDdl(collection: CollectionPlan): string {
  const { schema } = collection;
  const { tables, comments, indexes } = collectionSchema(collection, schema);
  const statements = indexes.map(
    (index) => `${index.ddl};${index.condition ? ` -- ${index.condition.reason}` : ''}`,
  );
  const attached = sharedSchemaOf(collection) === null ? [] : [`${attachment(schema, collection)};`];
  const created = `create schema if not exists ${pg.escapeIdentifier(schema)};`;
  return [created, tables.trim(), comments.trim(), ...statements, ...attached].join('\n');
}
