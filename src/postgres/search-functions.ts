import pg from 'pg';
import nearestExactOrder from '../../sql/collection/nearest-exact-order.sql';
import nearestReranked from '../../sql/collection/nearest-reranked.sql';
import comments from '../../sql/collection/search-comments.sql';
import functions from '../../sql/collection/search-functions.sql';
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

/** Postgres inlines no function whose argument is a subquery, and then does not know how many rows are asked for. */
const STORED =
  "For a stored record's neighbours join it laterally to the record; a subquery as its argument may read all rows.";

/** How the functions' queries are written down, and what their parameters are called there. */
interface Form {
  parameters: string;
  query: string;
  count: string;
  least: string;
  /** The collection that is searched, where the tables hold many. */
  collection: string | null;
  begin: string;
  /** @param names of the parameters that the query has */
  end: (...names: string[]) => string;
}

/**
 * Bodies in SQL-standard form know their tables by identity, so they survive the move to another schema. Without a SET
 * clause Postgres inlines them and plans the index for the very limit that is asked for.
 */
const OF_ONE: Form = {
  ...{ parameters: '', query: 'query_embedding', count: 'match_count', least: 'min_similarity' },
  collection: null,
  begin: 'language sql stable parallel safe\nbegin atomic',
  end: () => ';\nend',
};

/**
 * Over tables that many collections share, the collection is a literal of a statement of its own. As a parameter, a
 * prepared statement would be planned for all of them, and lock thousands of tables for each search.
 */
const OF_MANY: Form = {
  ...{ parameters: 'collection_name text, ', query: '$1', count: '$2', least: '$3' },
  collection: '%1$L',
  begin:
    'language plpgsql stable parallel safe set search_path from current as $function$\nbegin\n  return query execute format($query$',
  end: (...names) => `$query$, collection_name) using ${names.join(', ')};\nend $function$`,
};

/** search_nearest and search_similar, and what is said of them. */
export interface SearchFunctions {
  functions: string;
  comments: string;
}

/**
 * search_nearest and search_similar over the tables of a layout.
 *
 * @param schema quoted
 * @param holdsMany whether the tables hold many collections
 */
export function searchFunctions(
  plan: CollectionPlan,
  schema: string,
  layout: Layout,
  holdsMany = false,
): SearchFunctions {
  const form = holdsMany ? OF_MANY : OF_ONE;
  const { chroma, similarity, minSimilarity, words } = MEASURES[plan.space];
  const join = [layout.join(schema), ...(holdsMany ? [`and d.collection = ${form.collection}`] : [])].join(
    ' ',
  );
  const { sourceId, content, uri, metadata } = layout.record;
  // Those over many collections are planned for each search, whatever their arguments.
  const stored = holdsMany ? '' : ` ${STORED}`;
  const told = {
    schema,
    nearest_comment: pg.escapeLiteral(`Nearest records first; distance: ${words.distance}.${stored}`),
    similar_comment: pg.escapeLiteral(
      `Most similar records first; similarity: ${words.similarity}.${stored}`,
    ),
  };
  const values = {
    ...{ schema, parameters: form.parameters, least: form.least, begin: form.begin },
    end_nearest: form.end('query_embedding', 'match_count'),
    end_similar: form.end('query_embedding', 'match_count', 'min_similarity'),
    nearest: nearest(plan, schema, layout, form),
    join: join === '' ? '' : `\n    ${join}`,
    ...{ source_id: sourceId, content, uri, metadata },
    similar_returns: layout.similar.returns,
    similar_columns: layout.similar.columns,
    chroma_distance: chroma,
    similarity,
    min_similarity: minSimilarity,
  };
  return { functions: filled(functions, values), comments: filled(comments, told) };
}

function nearest(
  plan: CollectionPlan,
  schema: string,
  { vectors, carried }: Layout,
  { query, count, collection }: Form,
): string {
  const index = vectorIndexOf(plan);
  const parts = {
    ...{ schema, query, count, operator: MEASURES[plan.space].operator },
    vectors: pg.escapeIdentifier(vectors),
    carried: columnsOf('e', carried),
    condition: collection === null ? '' : ` where e.collection = ${collection}`,
  };
  if (!index?.candidates) return filled(nearestExactOrder, parts).trim();
  return filled(nearestReranked, {
    ...parts,
    carried_candidate: columnsOf('c', carried),
    indexed: index.expression('e.embedding'),
    indexed_operator: index.operator,
    indexed_query: index.expression(query),
    candidates: String(index.candidates),
  }).trim();
}

/** Columns of a table under an alias. */
export const columnsOf = (alias: string, columns: readonly string[]): string =>
  columns.map((column) => `${alias}.${column}`).join(', ');
