import type { CollectionPlan, LayoutName } from '../../contract.ts';
import type { CopyObject } from '../../copy/table-rows.ts';
import type { IndexDefinition } from '../index-definition.ts';

/** A collection as far as the names of its tables depend on it. */
export interface LaidOut {
  layout: LayoutName;
  collection: string;
}

export interface Relation {
  kind: 'table' | 'view';
  name: string;
}

/**
 * Tables that a collection arrives in. All else is made of this: what COPY fills, what the checksum reads, what is
 * searched, and what changes places when it is published.
 *
 * Records are found in the table of vectors, `n` in SQL, and what else is said of them over `join`.
 */
export interface Layout {
  /** Relations in the order in which they are made. */
  relations: readonly Relation[];
  /** The table that each of a shard's COPY streams is for. */
  copied: Partial<Record<CopyObject, string>>;
  /** Tables of which each row is one record: a count that differs shows rows that belong to none. */
  counted: readonly string[];
  /** The table with the column `embedding`. */
  vectors: string;
  /** Columns of it that `join` and `record` use. */
  carried: readonly string[];
  /** @param schema quoted */
  join: (schema: string) => string;
  /** What Chroma said of a record, in SQL: text, text, text, jsonb. */
  record: Record<'sourceId' | 'content' | 'uri' | 'metadata', string>;
  /** Where the metadata are, beside which further columns can stand; null: this table's columns are another's. */
  metadata: { table: string; column: string; id: string } | null;
  /** What search_similar returns beside the similarity: names with types, and expressions. */
  similar: { returns: string; columns: string };
  /** Whether columns of its own are filled from metadata. */
  hasGuideColumns: boolean;
  /** DDL of the relations. @param schema quoted */
  tables: (plan: CollectionPlan, schema: string) => string;
  /** Keys and indexes in the order in which they are built. @param schema quoted */
  indexes: (plan: CollectionPlan, schema: string) => IndexDefinition[];
}

/** A collection that never held a record has no dimension yet, and nothing to search. */
export const embeddingType = ({ dimension }: Pick<CollectionPlan, 'dimension'>): string =>
  dimension === null ? 'vector' : `vector(${dimension})`;
