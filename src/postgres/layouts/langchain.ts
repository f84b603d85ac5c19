import pg from 'pg';
import tables from '../../../sql/collection/tables-langchain.sql';
import { holdableText } from '../holdable-json.ts';
import { textKey, vectorIndexDefinition } from '../index-definition.ts';
import { filled } from '../template.ts';
import { embeddingType, type LaidOut, type Layout } from './layout.ts';
import { CHROMA_COMMENT, URI, unlessNull } from './library.ts';

/** The tables of langchain-postgres: PGVector's two, and a view of them for PGVectorStore. */
export const langchain = ({ collection }: LaidOut): Layout => ({
  relations: [
    { kind: 'table', name: 'langchain_pg_collection' },
    { kind: 'table', name: 'langchain_pg_embedding' },
    { kind: 'view', name: 'langchain_documents' },
  ],
  copied: { rows: 'langchain_pg_embedding' },
  counted: ['langchain_pg_embedding'],
  vectors: 'langchain_pg_embedding',
  carried: ['id', 'collection_id', 'document', 'cmetadata', 'chroma'],
  // As the library finds them: a row that it would not find is none.
  join: (schema) =>
    `join ${schema}.langchain_pg_collection c on c.uuid = n.collection_id and c.name = ${pg.escapeLiteral(collection)}`,
  record: {
    sourceId: 'n.id',
    content: unlessNull('document', 'document'),
    uri: URI,
    metadata: unlessNull('cmetadata', 'metadata'),
  },
  metadata: { table: 'langchain_pg_embedding', column: 'cmetadata', id: 'id' },
  similar: {
    returns: 'id text, document text, metadata jsonb',
    columns: 'n.id, n.document, n.cmetadata',
  },
  hasGuideColumns: false,
  tables: (plan, schema) =>
    filled(tables, {
      schema,
      embedding_type: embeddingType(plan),
      collection: pg.escapeLiteral(plan.collection),
      collection_id: `${pg.escapeLiteral(plan.collectionId)}::uuid`,
      collection_metadata:
        plan.metadata === null ? 'null' : pg.escapeLiteral(holdableText(plan.metadata, plan.metadataText)),
      chroma_comment: CHROMA_COMMENT,
    }),
  indexes: (plan, schema) => {
    const table = `${schema}.langchain_pg_embedding`;
    return [
      ...textKey(table, { name: 'langchain_pg_embedding_pkey', kind: 'primary key', column: 'id' }),
      {
        name: 'langchain_pg_embedding_collection_id_fkey',
        ddl: `alter table ${table} add constraint langchain_pg_embedding_collection_id_fkey foreign key (collection_id) references ${schema}.langchain_pg_collection (uuid) on delete cascade`,
      },
      // The library's own.
      {
        name: 'ix_cmetadata_gin',
        ddl: `create index ix_cmetadata_gin on ${table} using gin (cmetadata jsonb_path_ops)`,
      },
      ...vectorIndexDefinition(plan, table, 'idx_langchain_pg_embedding_vector'),
    ];
  },
});
