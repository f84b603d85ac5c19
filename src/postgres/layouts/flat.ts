import tables from '../../../sql/collection/tables-flat.sql';
import { textKey, vectorIndexDefinition } from '../index-definition.ts';
import { filled } from '../template.ts';
import { embeddingType, type Layout } from './layout.ts';

/** One table, for an application that wants nothing but records. */
export const flat: Layout = {
  relations: [{ kind: 'table', name: 'records' }],
  copied: { rows: 'records' },
  counted: ['records'],
  vectors: 'records',
  carried: ['id', 'document', 'metadata', 'uri'],
  join: () => '',
  record: { sourceId: 'n.id', content: 'n.document', uri: 'n.uri', metadata: 'n.metadata' },
  metadata: { table: 'records', column: 'metadata', id: 'id' },
  similar: {
    returns: 'id text, document text, metadata jsonb',
    columns: 'n.id, n.document, n.metadata',
  },
  hasGuideColumns: false,
  tables: (plan, schema) => filled(tables, { schema, embedding_type: embeddingType(plan) }),
  indexes: (plan, schema) => {
    const records = `${schema}.records`;
    return [
      ...textKey(records, { name: 'records_pkey', kind: 'primary key', column: 'id' }),
      {
        name: 'idx_records_metadata',
        ddl: `create index idx_records_metadata on ${records} using gin (metadata)`,
      },
      ...vectorIndexDefinition(plan, records, 'idx_records_embedding'),
    ];
  },
};
