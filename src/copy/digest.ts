import { hash } from 'node:crypto';
import { CopyBuffer } from './copy-buffer.ts';

/** What a record's digest covers, each in the bytes that Postgres holds. */
export interface DigestFields {
  id: Buffer;
  document: Buffer | null;
  uri: Buffer | null;
  /** Canonical text: `metadata::text`. */
  metadata: Buffer | null;
  embedding: Float32Array;
}

/**
 * A record's digest: the first 8 bytes of SHA-256 over id, document, uri, metadata and vector, each framed
 * as COPY frames a field (length as int32, −1 for null), so that no two records share a framing. SQL
 * computes the same from the tables (sql/collection/digests.sql). A checksum is the sum of digests modulo
 * 2^64: it does not depend on the order, and shards add up to their collection.
 */
export class Digester {
  readonly #frame = new CopyBuffer();
  readonly #sum = new DigestSum();

  /** Adds a record and returns its digest, 8 bytes. */
  add(record: DigestFields): Buffer {
    const frame = this.#frame;
    frame.clear();
    frame.field(record.id);
    frame.optionalField(record.document);
    frame.optionalField(record.uri);
    frame.optionalField(record.metadata);
    frame.vectorField(record.embedding);
    const digest = hash('sha256', frame.view(), 'buffer').subarray(0, 8);
    this.#sum.add(digest.readUInt32BE(0), digest.readUInt32BE(4));
    return digest;
  }

  /** Sum of all digests so far modulo 2^64. */
  checksum(): bigint {
    return this.#sum.value();
  }
}

/** A sum of digests modulo 2^64, which makes no bigint of each. */
export class DigestSum {
  // Halves below 2^32 stay exact in a double for 2^21 additions; then they are carried over.
  #high = 0;
  #low = 0;
  #additions = 0;
  #sum = 0n;

  /** Adds one as its upper and its lower 32 bits. */
  add(high: number, low: number): void {
    this.#high += high;
    this.#low += low;
    if (++this.#additions === 2 ** 20) this.#carry();
  }

  value(): bigint {
    this.#carry();
    return this.#sum;
  }

  #carry(): void {
    this.#sum = BigInt.asUintN(64, this.#sum + (BigInt(this.#high) << 32n) + BigInt(this.#low));
    this.#high = this.#low = this.#additions = 0;
  }
}

/** Adds checksums in decimal text, modulo 2^64. */
export const addChecksums = (checksums: Iterable<string>): string => {
  let sum = 0n;
  for (const checksum of checksums) sum += BigInt(checksum);
  return BigInt.asUintN(64, sum).toString();
};
