import type { Page } from '../chroma/scan-page.ts';
import type { LayoutName, Reject } from '../contract.ts';
import { CopyBuffer } from './copy-buffer.ts';
import { Digester } from './digest.ts';
import { type HeldRecord, readRecord, recordJson, rejectOf, Unholdable } from './record.ts';
import { recordUuid, uuidBytes } from './record-id.ts';
import { type CopyObject, TABLE_ROWS, type TableRows } from './table-rows.ts';

/** What one page adds to the shard's objects. */
export interface EncodedPage {
  /** COPY rows of each of the layout's tables; none unless asked for. */
  copies: Partial<Record<CopyObject, Buffer>>;
  /** JSON lines; empty unless asked for. */
  records: Buffer;
  digests: Buffer;
  rejects: Reject[];
  written: number;
}

const LINE_END = Buffer.from('\n');

/** What is made of the records beside their digests: COPY rows of the layout's tables, JSON lines, or nothing. */
export type Encoding = 'pgcopy' | 'jsonl' | 'digests';

export interface EncodedCollection {
  collectionId: string;
  dimension: number;
  layout: LayoutName;
}

/** What one shard after the other is encoded in. */
export class EncoderMemory {
  readonly #buffers = new Map<string, CopyBuffer>();

  readonly buffer = (name: CopyObject | 'records' | 'digests'): CopyBuffer => {
    const buffer = this.#buffers.get(name) ?? new CopyBuffer();
    this.#buffers.set(name, buffer);
    buffer.clear();
    return buffer;
  };
}

/**
 * Encodes a shard page by page.
 *
 * What it makes of a page is the caller's, or, of one that is given memory to reuse, valid until the page after the next
 * is encoded.
 */
export class ShardEncoder {
  readonly #namespace: Buffer;
  readonly #dimension: number;
  readonly #encoding: Encoding;
  readonly #digester = new Digester();
  readonly #tables: { rows: TableRows; buffer: CopyBuffer }[];
  readonly #records: CopyBuffer;
  readonly #digests: CopyBuffer;
  readonly #bytesOf: (buffer: CopyBuffer) => Buffer;

  /** @param memory of an encoder that is done */
  constructor(
    { collectionId, dimension, layout }: EncodedCollection,
    encoding: Encoding,
    memory?: EncoderMemory,
  ) {
    this.#bytesOf = memory ? (buffer) => buffer.swap() : (buffer) => buffer.take();
    const { buffer } = memory ?? new EncoderMemory();
    this.#records = buffer('records');
    this.#digests = buffer('digests');
    this.#namespace = uuidBytes(collectionId);
    this.#dimension = dimension;
    this.#encoding = encoding;
    const tables = encoding === 'pgcopy' ? TABLE_ROWS[layout] : [];
    this.#tables = tables.map((rows) => ({ rows, buffer: buffer(rows.object) }));
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
      copies: Object.fromEntries(
        this.#tables.map(({ rows, buffer }) => [rows.object, this.#bytesOf(buffer)]),
      ),
      records: this.#bytesOf(this.#records),
      digests: this.#bytesOf(this.#digests),
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
    }
    for (const { rows, buffer } of this.#tables) {
      buffer.row(rows.columns.length);
      rows.write(buffer, record, uuid);
    }
  }
}
