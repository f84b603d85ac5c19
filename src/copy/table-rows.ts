import type { LayoutName } from '../contract.ts';
import type { CopyBuffer } from './copy-buffer.ts';
import { guideColumns } from './guide-columns.ts';
import type { HeldRecord } from './record.ts';

/** Objects of a shard that COPY reads: those of two tables, or that of one. */
export type CopyObject = 'documents' | 'embeddings' | 'rows';

/** How records become the rows of one table. */
export interface TableRows {
  object: CopyObject;
  /** Columns of COPY, in its order. What is not among them has a default. */
  columns: readonly string[];
  /** Place among them of the record's own id; null in a table that has it from another. */
  idAt: number | null;
  /** Writes the fields of one row. @param uuid what the guide's tables know the record by */
  write(row: CopyBuffer, record: HeldRecord, uuid: Buffer): void;
}

const documents: TableRows = {
  object: 'documents',
  columns: [
    ...['id', 'source_id', 'file_path', 'content', 'chunk_index', 'start_line'],
    ...['end_line', 'language', 'uri', 'metadata'],
  ],
  idAt: 1,
  write(row, record, uuid) {
    const guide = guideColumns(record.metadata);
    row.field(uuid);
    row.field(record.id);
    row.optionalField(guide.filePath);
    row.optionalField(record.document);
    row.int32Field(guide.chunkIndex);
    row.int32Field(guide.startLine);
    row.int32Field(guide.endLine);
    row.optionalField(guide.language);
    row.optionalField(record.uri);
    row.jsonbField(record.metadataText);
  },
};

const embeddings: TableRows = {
  object: 'embeddings',
  columns: ['id', 'document_id', 'embedding'],
  idAt: null,
  write(row, record, uuid) {
    row.field(uuid);
    row.field(uuid);
    row.vectorField(record.embedding);
  },
};

const flat: TableRows = {
  object: 'rows',
  columns: ['id', 'document', 'metadata', 'embedding', 'uri'],
  idAt: 0,
  write(row, record) {
    row.field(record.id);
    row.optionalField(record.document);
    row.jsonbField(record.metadataText);
    row.vectorField(record.embedding);
    row.optionalField(record.uri);
  },
};

/** @param columns for the record's id, document, metadata, embedding, and what has no place in these */
const ofLibrary = (columns: [string, string, string, string, string]): TableRows => ({
  object: 'rows',
  columns,
  idAt: 0,
  write(row, record) {
    row.field(record.id);
    row.field(record.document ?? EMPTY);
    row.jsonbField(record.metadataText ?? EMPTY_OBJECT);
    row.vectorField(record.embedding);
    row.jsonbField(withoutPlace(record));
  },
});

const EMPTY = Buffer.alloc(0);
const EMPTY_OBJECT = Buffer.from('{}');

/**
 * The libraries want a text and metadata of each record, and know no uri. What Chroma said otherwise is kept beside
 * them: `{"document": null}` of a record without one, so that nothing is lost and the checksum can tell it from "".
 */
function withoutPlace({ document, metadataText, uri }: HeldRecord): Buffer | null {
  if (document !== null && metadataText !== null && uri === null) return null;
  const said = {
    ...(document === null && { document }),
    ...(metadataText === null && { metadata: null }),
    ...(uri !== null && { uri: uri.toString('utf8') }),
  };
  return Buffer.from(JSON.stringify(said));
}

/** The tables of each layout in the order in which COPY fills them. */
export const TABLE_ROWS: Record<LayoutName, readonly TableRows[]> = {
  guide: [documents, embeddings],
  shared: [documents, embeddings],
  flat: [flat],
  langchain: [ofLibrary(['id', 'document', 'cmetadata', 'embedding', 'chroma'])],
  llamaindex: [ofLibrary(['node_id', 'text', 'metadata_', 'embedding', 'chroma'])],
};
