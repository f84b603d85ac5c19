import type { Page, Spans } from '../chroma/scan-page.ts';
import type { Reject, RejectReason } from '../contract.ts';
import { fitsIndex } from '../postgres/vector-index.ts';
import { type CanonicalMetadata, canonicalMetadata, UnholdableText } from './jsonb-text.ts';

/** One record of a page in the bytes that Postgres will hold. */
export interface HeldRecord {
  id: Buffer;
  document: Buffer | null;
  uri: Buffer | null;
  metadata: CanonicalMetadata | null;
  metadataText: Buffer | null;
  embedding: Float32Array;
}

/** Why a record cannot arrive as it is. */
export class Unholdable extends Error {
  override readonly name = 'Unholdable';
  readonly reason: RejectReason;
  constructor(reason: RejectReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Checks record `index` of the page against what Postgres can hold.
 * @throws Unholdable with the reason for a person
 */
export function readRecord(page: Page, index: number, dimension: number): HeldRecord {
  if (page.fault !== null) throw new Unholdable('undeliverable', page.fault);
  const id = textBytes(page, page.ids, index, 'id');
  if (id === null) throw new Unholdable('unreadable', 'Chroma sent a record without an id.');
  const metadata = readMetadata(page, index);
  return {
    id,
    document: textBytes(page, page.documents, index, 'document'),
    uri: textBytes(page, page.uris, index, 'uri'),
    metadata,
    metadataText: metadata && Buffer.from(metadata.text),
    embedding: readEmbedding(page, index, dimension),
  };
}

/** The record as Chroma sent it, for the list of rejects. */
export function rejectOf(page: Page, index: number, offset: number, why: Unholdable): Reject {
  return {
    id: rawValue(page, page.ids, index)
      .toString('utf8')
      .replace(/^"(.*)"$/s, '$1'),
    offset,
    reason: why.reason,
    detail: why.message,
    record: recordJson(page, index).toString('utf8'),
  };
}

/** `{"id":…,"document":…,"metadata":…,"uri":…,"embedding":…}` of the very bytes that Chroma sent. */
export function recordJson(page: Page, index: number): Buffer {
  return Buffer.concat([
    MEMBERS.id,
    rawValue(page, page.ids, index),
    MEMBERS.document,
    rawValue(page, page.documents, index),
    MEMBERS.metadata,
    rawValue(page, page.metadatas, index),
    MEMBERS.uri,
    rawValue(page, page.uris, index),
    MEMBERS.embedding,
    rawValue(page, page.embeddings?.spans ?? null, index),
    MEMBERS.end,
  ]);
}

const MEMBERS = {
  id: Buffer.from('{"id":'),
  document: Buffer.from(',"document":'),
  metadata: Buffer.from(',"metadata":'),
  uri: Buffer.from(',"uri":'),
  embedding: Buffer.from(',"embedding":'),
  end: Buffer.from('}'),
};
const NULL = Buffer.from('null');

function rawValue(page: Page, spans: Spans | null, index: number): Buffer {
  const start = spans?.starts[index] ?? -1;
  return start < 0 ? NULL : page.bytes.subarray(start, spans!.ends[index]);
}

type TextField = 'id' | 'document' | 'uri';

/** The text's UTF-8. Without a backslash that is a slice of the page: nothing is decoded or copied. */
function textBytes(page: Page, spans: Spans | null, index: number, field: TextField): Buffer | null {
  const start = spans?.starts[index] ?? -1;
  if (start < 0) return null;
  const end = spans!.ends[index]!;
  if (page.bytes[start] !== 0x22)
    throw new Unholdable('unreadable', `The ${field} is something else than a text.`);
  const inner = page.bytes.subarray(start + 1, end - 1);
  if (!inner.includes(0x5c)) return inner;
  const text = JSON.parse(page.bytes.toString('utf8', start, end)) as string;
  if (text.includes('\0'))
    throw new Unholdable(
      `nul-in-${field}`,
      `The ${field} holds a NUL character, which Postgres text cannot hold.`,
    );
  if (!text.isWellFormed())
    throw new Unholdable('lone-surrogate', `The ${field} holds half of a surrogate pair.`);
  return Buffer.from(text);
}

function readMetadata(page: Page, index: number): CanonicalMetadata | null {
  const start = page.metadatas?.starts[index] ?? -1;
  if (start < 0) return null;
  try {
    return canonicalMetadata(page.bytes.toString('utf8', start, page.metadatas!.ends[index]));
  } catch (error) {
    if (error instanceof RangeError)
      throw new Unholdable(
        'metadata-too-large',
        'The metadata holds a number that Postgres numeric cannot hold.',
      );
    if (error instanceof SyntaxError)
      throw new Unholdable('unreadable', 'The metadata is something else than an object.');
    if (!(error instanceof UnholdableText)) throw error;
    throw error.reason === 'nul'
      ? new Unholdable(
          'nul-in-metadata',
          'The metadata holds a NUL character, which Postgres jsonb cannot hold.',
        )
      : new Unholdable('lone-surrogate', 'The metadata holds half of a surrogate pair.');
  }
}

function readEmbedding(page: Page, index: number, dimension: number): Float32Array {
  const { spans, offsets, finite, components } = page.embeddings ?? {};
  if (!components || (spans!.starts[index] ?? -1) < 0)
    throw new Unholdable('embedding-missing', 'The record has no embedding.');
  const embedding = components.subarray(offsets![index], offsets![index + 1]);
  if (embedding.length !== dimension)
    throw new Unholdable(
      'wrong-dimension',
      `The embedding has ${embedding.length} dimensions and the collection ${dimension}.`,
    );
  if (!finite![index])
    throw new Unholdable(
      'embedding-not-finite',
      'The embedding holds a component that is null, NaN or infinite, which pgvector refuses.',
    );
  if (!fitsIndex(embedding))
    throw new Unholdable(
      'too-large-for-index',
      'The embedding holds a component of 65,520 or more, which no index of so many dimensions can hold.',
    );
  return embedding;
}
