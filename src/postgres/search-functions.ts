import pg from 'pg';
import nearestExactOrder from '../../sql/collection/nearest-exact-order.sql';
import nearestReranked from '../../sql/collection/nearest-reranked.sql';
import template from '../../sql/collection/search-functions.sql';
import type { CollectionPlan, Space } from '../contract.ts';
import type { Layout } from './layouts/layout.ts';
import { filled } from './template.ts';
import { vectorIndexOf } from './vector-index.ts';

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

/**
 * search_nearest and search_similar over the tables of a layout.
 *
 * @param schema quoted
 * @param collection parameter that names a collection, where the tables hold many
 */
export function searchFunctions(
  plan: CollectionPlan,
  schema: string,
  layout: Layout,
  collection?: string,
): string {
  const { chroma, similarity, minSimilarity, words } = MEASURES[plan.space];
  const ofCollection = (alias: string) => `${alias}.collection = ${collection}`;
  const join = [layout.join(schema), ...(collection ? [`and ${ofCollection('d')}`] : [])].join(' ');
  const { sourceId, content, uri, metadata } = layout.record;
  return filled(template, {
    schema,
    parameters: collection ? `${collection} text, ` : '',
    nearest: nearest(plan, schema, layout, collection ? ofCollection('e') : null),
    join: join === '' ? '' : `\n    ${join}`,
    ...{ source_id: sourceId, content, uri, metadata },
    similar_returns: layout.similar.returns,
    similar_columns: layout.similar.columns,
    chroma_distance: chroma,
    similarity,
    min_similarity: minSimilarity,
    nearest_comment: pg.escapeLiteral(`Nearest records first; distance: ${words.distance}.`),
    similar_comment: pg.escapeLiteral(`Most similar records first; similarity: ${words.similarity}.`),
  });
}

function nearest(
  plan: CollectionPlan,
  schema: string,
  { vectors, carried }: Layout,
  condition: string | null,
): string {
  const index = vectorIndexOf(plan);
  const parts = {
    ...{ schema, vectors: pg.escapeIdentifier(vectors), operator: MEASURES[plan.space].operator },
    carried: columnsOf('e', carried),
    condition: condition === null ? '' : ` where ${condition}`,
  };
  if (!index?.candidates) return filled(nearestExactOrder, parts).trim();
  return filled(nearestReranked, {
    ...parts,
    carried_candidate: columnsOf('c', carried),
    indexed: index.expression('e.embedding'),
    indexed_operator: index.operator,
    indexed_query: index.expression('query_embedding'),
    candidates: String(index.candidates),
  }).trim();
}

/** Columns of a table under an alias. */
export const columnsOf = (alias: string, columns: readonly string[]): string =>
  columns.map((column) => `${alias}.${column}`).join(', ');
