import pg from 'pg';
import tables from '../../../sql/collection/tables-guide.sql';
import type { CollectionPlan } from '../../contract.ts';
import { filled } from '../template.ts';
import { guideIndexes } from './guide-indexes.ts';
import { embeddingType, type Layout } from './layout.ts';

/** The guide's two tables. */
export const guide: Layout = {
  relations: [
    { kind: 'table', name: 'documents' },
    { kind: 'table', name: 'embeddings' },
  ],
  copied: { documents: 'documents', embeddings: 'embeddings' },
  counted: ['documents', 'embeddings'],
  vectors: 'embeddings',
  carried: ['document_id'],
  join: (schema) => `join ${schema}.documents d on d.id = n.document_id`,
  record: { sourceId: 'd.source_id', content: 'd.content', uri: 'd.uri', metadata: 'd.metadata' },
  metadata: { table: 'documents', column: 'metadata', id: 'source_id' },
  similar: {
    returns: 'document_id uuid, file_path text, content text',
    columns: 'd.id, d.file_path, d.content',
  },
  hasGuideColumns: true,
  tables: (plan, schema) => guideTables(plan, schema, { collection: '', partition: '' }),
  indexes: guideIndexes,
};

/** @param parts what the tables have besides, or how they are partitioned */
export function guideTables(
  plan: Pick<CollectionPlan, 'dimension' | 'model'>,
  schema: string,
  parts: { collection: string; partition: string },
): string {
  const model = plan.model === null ? 'null' : pg.escapeLiteral(plan.model);
  return filled(tables, { schema, embedding_type: embeddingType(plan), model, ...parts });
}
