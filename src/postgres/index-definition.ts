import type { CollectionPlan } from '../contract.ts';
import { vectorIndexOf } from './vector-index.ts';

/** A key or an index that is made after the load, by one statement. */
export interface IndexDefinition {
  /** Name of the index, or of the foreign key. */
  name: string;
  ddl: string;
  /** A query for one boolean: false means that the data does not allow this index. */
  condition?: { query: string; reason: string };
  /** It holds each record once: that it cannot be built means that one came twice. */
  isRecordKey?: true;
  /** It is built as a graph in memory, or longer (src/index-build/hnsw-size.ts). */
  isGraph?: true;
}

/** Bytes that a row of a btree index may hold, with room for a second column (PostgreSQL: a third of a page, 2,704). */
export const BTREE_BYTES = 2600;

/**
 * The key of a table whose ids are texts. Chroma's may be longer than a btree takes; a hash takes them all, and as an
 * exclusion keeps them unique too, but ON CONFLICT DO UPDATE needs the key.
 *
 * @param table quoted, with its schema
 */
export function textKey(
  table: string,
  key: { name: string; kind: 'primary key' | 'unique'; column: string },
): IndexDefinition[] {
  const { name, kind, column } = key;
  const isShort = `coalesce(max(octet_length(${column})), 0) <= ${BTREE_BYTES}`;
  const excluded = `${name}_excl`;
  return [
    {
      name,
      ddl: `alter table ${table} add constraint ${name} ${kind} (${column})`,
      condition: {
        query: `select ${isShort} from ${table}`,
        reason: `if no ${column} is longer than ${BTREE_BYTES} bytes`,
      },
      isRecordKey: true,
    },
    {
      name: excluded,
      ddl: `alter table ${table} add constraint ${excluded} exclude using hash (${column} with =)`,
      condition: { query: `select not (${isShort}) from ${table}`, reason: `if one is longer` },
      isRecordKey: true,
    },
  ];
}

/** The approximate index on the embeddings; none for a collection without a dimension. @param table quoted, with its schema */
export function vectorIndexDefinition(plan: CollectionPlan, table: string, name: string): IndexDefinition[] {
  const vector = vectorIndexOf(plan);
  if (!vector) return [];
  const expression = vector.expression('embedding');
  const ddl = `create index ${name} on ${table} using ${vector.method} (${expression} ${vector.operatorClass}) with (${vector.options})`;
  return [{ name, ddl, ...(vector.method === 'hnsw' && { isGraph: true }) }];
}
