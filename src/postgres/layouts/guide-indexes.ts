import type { CollectionPlan } from '../../contract.ts';
import { BTREE_BYTES, type IndexDefinition, vectorIndexDefinition } from '../index-definition.ts';

/** Keys and indexes of one collection, in the order in which they are built. @param schema quoted */
export function guideIndexes(plan: CollectionPlan, schema: string): IndexDefinition[] {
  const documents = `${schema}.documents`;
  const embeddings = `${schema}.embeddings`;
  const shortPaths = `select coalesce(max(octet_length(file_path)), 0) <= ${BTREE_BYTES} from ${documents}`;
  return [
    {
      name: 'documents_pkey',
      ddl: `alter table ${documents} add constraint documents_pkey primary key (id)`,
      isRecordKey: true,
    },
    {
      name: 'embeddings_pkey',
      ddl: `alter table ${embeddings} add constraint embeddings_pkey primary key (id)`,
    },
    {
      name: 'idx_embeddings_document_id',
      ddl: `create index idx_embeddings_document_id on ${embeddings} (document_id)`,
    },
    {
      name: 'embeddings_document_id_fkey',
      ddl: `alter table ${embeddings} add constraint embeddings_document_id_fkey foreign key (document_id) references ${documents} (id) on delete cascade`,
    },
    // A hash index takes ids of any length. That they are unique follows from the primary key, which is made of them.
    {
      name: 'idx_documents_source_id',
      ddl: `create index idx_documents_source_id on ${documents} using hash (source_id)`,
    },
    {
      name: 'documents_file_path_chunk_index_key',
      ddl: `alter table ${documents} add constraint documents_file_path_chunk_index_key unique (file_path, chunk_index)`,
      condition: {
        query: `select (${shortPaths}) and not exists (
                  select from ${documents} where file_path is not null and chunk_index is not null
                   group by file_path, chunk_index having count(*) > 1)`,
        reason: 'if no two records share file_path and chunk_index',
      },
    },
    {
      name: 'idx_documents_file_path',
      ddl: `create index idx_documents_file_path on ${documents} (file_path)`,
      condition: { query: shortPaths, reason: `if no file_path is longer than ${BTREE_BYTES} bytes` },
    },
    {
      name: 'idx_documents_metadata',
      ddl: `create index idx_documents_metadata on ${documents} using gin (metadata)`,
    },
    ...vectorIndexDefinition(plan, embeddings, 'idx_embeddings_vector'),
  ];
}
