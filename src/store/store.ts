import type { Readable } from 'node:stream';
import type { StoredObject } from '../contract.ts';
import { StoreUnavailable } from '../errors.ts';

/**
 * Where shards, plans and reports lie: an S3 bucket on AWS, a folder on one machine.
 *
 * Keys are relative to the store's root, use `/`, and hold no `.` or `..` segment. Objects appear whole or
 * not at all. Errors: StoreUnavailable (worth a retry), StoreRefused (not).
 */
export interface ShardStore {
  /** The root as a person would write it: `s3://bucket/prefix` or a folder's path. */
  readonly url: string;
  /**
   * Streams an object in; resolves with its size and CRC-32 once it can be read back.
   * @param body a piece is done with, and its memory may be used again, when the next is asked for
   */
  write(key: string, body: AsyncIterable<Buffer>, contentType?: string): Promise<StoredObject>;
  /** Streams an object out. @throws ObjectMissing */
  read(key: string): Promise<Readable>;
  /**
   * The same for those who are done with each piece before they ask for the next: its memory may be used again
   * then. @throws ObjectMissing
   */
  readPieces(key: string): Promise<AsyncIterable<Buffer>>;
  writeText(key: string, text: string | Buffer, contentType?: string): Promise<void>;
  /** null if there is no such object. */
  readText(key: string): Promise<string | null>;
  exists(key: string): Promise<boolean>;
  delete(key: string): Promise<void>;
  /** Address of an object for a person: a path or `s3://…`. */
  urlOf(key: string): string;
}

/** There is no object of that key. */
export class ObjectMissing extends Error {
  override readonly name = 'ObjectMissing';
}

/** The object's bytes are not those of the checksum that the store keeps beside it. */
export class ObjectDamaged extends StoreUnavailable {}

/**
 * Refuses a key that could leave the store's root. Keys are made by keys.ts from names that the plan made
 * safe; this is the second lock on the same door.
 */
export function checkKey(key: string): string {
  const segments = key.split('/');
  if (
    segments.some(
      (segment) => segment === '' || segment === '.' || segment === '..' || /[\\\0]/.test(segment),
    )
  )
    throw new RangeError(`'${key}' is no key of a store`);
  return key;
}
