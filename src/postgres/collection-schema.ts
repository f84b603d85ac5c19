import pg from 'pg';
import nearestExactOrder from '../../sql/collection/nearest-exact-order.sql';
import nearestReranked from '../../sql/collection/nearest-reranked.sql';
import searchFunctions from '../../sql/collection/search-functions.sql';
import tables from '../../sql/collection/tables.sql';
import type { CollectionPlan, Plan, Space } from '../contract.ts';
import { type IndexDefinition, indexDefinitions } from './collection-indexes.ts';
import { filled } from './template.ts';
import { vectorIndexOf } from './vector-index.ts';

/** Columns of COPY, in its order. What is not among them has a default. */
export const DOCUMENT_COLUMNS = [
  ...['id', 'source_id', 'file_path', 'content', 'chunk_index', 'start_line'],
  ...['end_line', 'language', 'uri', 'metadata'],
] as const;
export const EMBEDDING_COLUMNS = ['id', 'document_id', 'embedding'] as const;

/** Where a run fills the tables that will take the place of those in `schema`. */
export const incomingSchema = (schema: string): string => `${schema}__incoming`;
/** An incoming schema says in its comment which run made it. */
export const incomingComment = (run: string): string => `incoming tables of migration run ${run}`;
/** Where the tables are that were live before. */
export const previousSchema = (schema: string): string => `${schema}__previous`;

/** DDL of one collection in one schema, in the order in which it is run. */
export interface CollectionSchema {
  /** Both tables and the search functions: before the load. */
  tables: string;
  /** After the load. */
  indexes: IndexDefinition[];
}

export function collectionSchema(plan: CollectionPlan, schema: string): CollectionSchema {
  const quoted = pg.escapeIdentifier(schema);
  const model = plan.model === null ? 'null' : pg.escapeLiteral(plan.model);
  // A collection that never held a record has no dimension yet, and nothing to search.
  const embedding_type = plan.dimension === null ? 'vector' : `vector(${plan.dimension})`;
  return {
    tables: filled(tables, { schema: quoted, embedding_type, model }) + functions(plan, quoted),
    indexes: indexDefinitions(plan, quoted),
  };
}

/** The exact DDL of a plan as one text, as the tables will stand when they are live. */
export function planDdl({ collections }: Plan): string {
  return [
    'create extension if not exists vector;',
    ...collections.map((collection) => {
      const { tables: ddl, indexes } = collectionSchema(collection, collection.schema);
      const quoted = pg.escapeIdentifier(collection.schema);
      const statements = indexes.map(
        (index) => `${index.ddl};${index.condition ? ` -- ${index.condition.reason}` : ''}`,
      );
      return [`create schema if not exists ${quoted};`, ddl.trim(), ...statements].join('\n');
    }),
  ].join('\n\n');
}

interface Measure {
  operator: string;
  /** Chroma's own number, made of pgvector's distance. */
  chroma: string;
  similarity: string;
  minSimilarity: string;
  words: { distance: string; similarity: string };
}

/** What Chroma calls a distance is not what pgvector calls one: its l2 is squared and its ip is 1 − dot. */
const MEASURES: Record<Space, Measure> = {
  cosine: {
    operator: '<=>',
    chroma: 'n.distance',
    similarity: '1 - n.distance',
    minSimilarity: '0.7',
    words: { distance: 'cosine distance, as Chroma gives it', similarity: 'cosine similarity' },
  },
  l2: {
    operator: '<->',
    chroma: 'n.distance * n.distance',
    similarity: '1 / (1 + n.distance * n.distance)',
    minSimilarity: '0',
    words: {
      distance: 'squared Euclidean distance, as Chroma gives it',
      similarity: '1 / (1 + squared distance)',
    },
  },
  ip: {
    operator: '<#>',
    chroma: '1 + n.distance',
    similarity: '-n.distance',
    minSimilarity: "'-infinity'",
    words: { distance: '1 - inner product, as Chroma gives it', similarity: 'inner product' },
  },
};

function functions(plan: CollectionPlan, schema: string): string {
  const { operator, chroma, similarity, minSimilarity, words } = MEASURES[plan.space];
  const index = vectorIndexOf(plan);
  const nearest = index?.candidates
    ? filled(nearestReranked, {
        schema,
        operator,
        indexed: index.expression('e.embedding'),
        indexed_operator: index.operator,
        indexed_query: index.expression('query_embedding'),
        candidates: String(index.candidates),
      })
    : filled(nearestExactOrder, { schema, operator });
  return filled(searchFunctions, {
    schema,
    nearest: nearest.trim(),
    chroma_distance: chroma,
    similarity,
    min_similarity: minSimilarity,
    nearest_comment: pg.escapeLiteral(`Nearest records first; distance: ${words.distance}.`),
    similar_comment: pg.escapeLiteral(`Most similar records first; similarity: ${words.similarity}.`),
  });
}
