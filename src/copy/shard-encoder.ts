import type { Page } from '../chroma/scan-page.ts';
import type { Reject } from '../contract.ts';
import { CopyBuffer } from './copy-buffer.ts';
import { Digester } from './digest.ts';
import { guideColumns } from './guide-columns.ts';
import { type HeldRecord, readRecord, recordJson, rejectOf, Unholdable } from './record.ts';
import { recordUuid, uuidBytes } from './record-id.ts';

/** What one page adds to the shard's objects. */
export interface EncodedPage {
  documents: Buffer;
  embeddings: Buffer;
  /** JSON lines; empty unless asked for. */
  records: Buffer;
  digests: Buffer;
  rejects: Reject[];
  written: number;
}

/** Fields of a row of documents (src/postgres: DOCUMENT_COLUMNS) and of embeddings (EMBEDDING_COLUMNS). */
const DOCUMENT_FIELDS = 10;
const EMBEDDING_FIELDS = 3;
const LINE_END = Buffer.from('\n');

/** What is made of the records beside their digests: COPY rows of both tables, JSON lines, or nothing. */
export type Encoding = 'pgcopy' | 'jsonl' | 'digests';

/** Encodes a shard page by page. */
export class ShardEncoder {
  readonly #namespace: Buffer;
  readonly #dimension: number;
  readonly #encoding: Encoding;
  readonly #digester = new Digester();
  readonly #documents = new CopyBuffer();
  readonly #embeddings = new CopyBuffer();
  readonly #records = new CopyBuffer();
  readonly #digests = new CopyBuffer();

  constructor(collectionId: string, dimension: number, encoding: Encoding) {
    this.#namespace = uuidBytes(collectionId);
    this.#dimension = dimension;
    this.#encoding = encoding;
  }

  /** @param offset Chroma's offset of the page's first record, for the list of rejects */
  encode(page: Page, offset: number): EncodedPage {
    const rejects: Reject[] = [];
    for (let index = 0; index < page.length; index++) {
      try {
        this.#add(readRecord(page, index, this.#dimension), page, index);
      } catch (error) {
        if (!(error instanceof Unholdable)) throw error;
        rejects.push(rejectOf(page, index, offset + index, error));
      }
    }
    return {
      documents: this.#documents.take(),
      embeddings: this.#embeddings.take(),
      records: this.#records.take(),
      digests: this.#digests.take(),
      rejects,
      written: page.length - rejects.length,
    };
  }

  /** Sum of all written records' digests so far modulo 2^64. */
  checksum(): bigint {
    return this.#digester.checksum();
  }

  #add(record: HeldRecord, page: Page, index: number): void {
    const uuid = recordUuid(record.id, this.#namespace);
    const digest = this.#digester.add({ ...record, metadata: record.metadataText });
    this.#digests.raw(uuid);
    this.#digests.raw(digest);
    if (this.#encoding === 'jsonl') {
      this.#records.raw(recordJson(page, index));
      this.#records.raw(LINE_END);
    } else if (this.#encoding === 'pgcopy') {
      this.#addDocument(uuid, record);
      this.#addEmbedding(uuid, record.embedding);
    }
  }

  #addEmbedding(uuid: Buffer, embedding: Float32Array): void {
    const embeddings = this.#embeddings;
    embeddings.row(EMBEDDING_FIELDS);
    embeddings.field(uuid);
    embeddings.field(uuid);
    embeddings.vectorField(embedding);
  }

  #addDocument(uuid: Buffer, record: HeldRecord): void {
    const guide = guideColumns(record.metadata);
    const documents = this.#documents;
    documents.row(DOCUMENT_FIELDS);
    documents.field(uuid);
    documents.field(record.id);
    documents.optionalField(guide.filePath);
    documents.optionalField(record.document);
    documents.int32Field(guide.chunkIndex);
    documents.int32Field(guide.startLine);
    documents.int32Field(guide.endLine);
    documents.optionalField(guide.language);
    documents.optionalField(record.uri);
    documents.jsonbField(record.metadataText);
  }
}
