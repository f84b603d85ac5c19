import pg from 'pg';
import tables from '../../../sql/collection/tables-llamaindex.sql';
import { safeName } from '../../plan/schema-name.ts';
import { BTREE_BYTES, textKey, vectorIndexDefinition } from '../index-definition.ts';
import { filled } from '../template.ts';
import { embeddingType, type LaidOut, type Layout } from './layout.ts';
import { CHROMA_COMMENT, URI, unlessNull } from './library.ts';

/** The longest name that is made of the table's is that of its index: data_…_embedding_idx, 63 bytes at most. */
const NAME_BYTES = 63 - 'data__embedding_idx'.length;
/** What @llamaindex/postgres calls its collection unless it is told otherwise (DEFAULT_COLLECTION in its core). */
const COLLECTION = "'data'";

/** What LlamaIndex calls the table; it puts `data_` before it. */
export const llamaindexTable = (collection: string): string => safeName(collection, NAME_BYTES);

/** The table of LlamaIndex' PGVectorStore, and a view of it for its TypeScript sibling. */
export function llamaindex({ collection }: LaidOut): Layout {
  const name = llamaindexTable(collection);
  const table = `data_${name}`;
  return {
    relations: [
      { kind: 'table', name: table },
      { kind: 'view', name: 'llamaindex_embedding' },
    ],
    copied: { rows: table },
    counted: [table],
    vectors: table,
    carried: ['node_id', 'text', 'metadata_', 'chroma'],
    join: () => '',
    record: {
      sourceId: 'n.node_id',
      content: unlessNull('text', 'document'),
      uri: URI,
      metadata: unlessNull('metadata_', 'metadata'),
    },
    metadata: { table, column: 'metadata_', id: 'node_id' },
    similar: {
      returns: 'id text, document text, metadata jsonb',
      columns: 'n.node_id, n.text, n.metadata_',
    },
    hasGuideColumns: false,
    tables: (plan, schema) =>
      filled(tables, {
        schema,
        table: pg.escapeIdentifier(table),
        embedding_type: embeddingType(plan),
        collection: COLLECTION,
        chroma_comment: CHROMA_COMMENT,
      }),
    indexes: (plan, schema) => {
      const quoted = `${schema}.${pg.escapeIdentifier(table)}`;
      const shortReferences = `select coalesce(max(octet_length(metadata_ ->> 'ref_doc_id')), 0) <= ${BTREE_BYTES} from ${quoted}`;
      return [
        { name: `${table}_pkey`, ddl: `alter table ${quoted} add constraint ${table}_pkey primary key (id)` },
        ...textKey(quoted, { name: `${table}_node_id`, kind: 'unique', column: 'node_id' }),
        // The library's own.
        {
          name: `${name}_idx_1`,
          ddl: `create index ${name}_idx_1 on ${quoted} ((metadata_ ->> 'ref_doc_id'))`,
          condition: {
            query: shortReferences,
            reason: `if no ref_doc_id is longer than ${BTREE_BYTES} bytes`,
          },
        },
        ...vectorIndexDefinition(plan, quoted, `${table}_embedding_idx`),
        // The library searches by cosine distance alone, whatever the collection's space.
        ...(plan.space === 'cosine'
          ? []
          : vectorIndexDefinition({ ...plan, space: 'cosine' }, quoted, `${table}_cosine_idx`)),
      ];
    },
  };
}
