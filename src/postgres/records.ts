import pg from 'pg';
import type { Layout } from './layouts/layout.ts';

/**
 * A query for all records in a schema's tables, in Chroma's terms: source_id, content, uri, metadata, embedding.
 * @param id what else it shall give of each, as `id`
 */
export function recordsQuery(layout: Layout, schema: string, id?: string): string {
  const quoted = pg.escapeIdentifier(schema);
  const { sourceId, content, uri, metadata } = layout.record;
  return `select ${sourceId} as source_id, ${content} as content, ${uri} as uri, ${metadata} as metadata, n.embedding${id === undefined ? '' : `, ${id} as id`}
    from ${quoted}.${pg.escapeIdentifier(layout.vectors)} n ${layout.join(quoted)}`;
}
