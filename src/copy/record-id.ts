import { hash } from 'node:crypto';

const CANONICAL_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUID_TEXT_LENGTH = 36;

/** The 16 bytes of a UUID's text. */
export const uuidBytes = (text: string): Buffer => Buffer.from(text.replaceAll('-', ''), 'hex');

/** A UUID's text as Postgres prints it. */
export const uuidText = (bytes: Buffer): string => bytes.toString('hex').replace(PARTS, '$1-$2-$3-$4-$5');
const PARTS = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;

/**
 * The id of a record's rows: the same in every run. A record id that is a UUID in canonical lower case stays
 * itself; any other gives a UUIDv5 in the collection's namespace (RFC 9562, 5.5). Upper case is "any other":
 * Chroma tells `A…` from `a…`, and so must the rows.
 *
 * @param id the record's id in UTF-8
 * @param namespace the collection's id, 16 bytes
 * @returns 16 bytes
 */
export function recordUuid(id: Buffer, namespace: Buffer): Buffer {
  if (id.length === UUID_TEXT_LENGTH) {
    const text = id.toString('latin1');
    if (CANONICAL_UUID.test(text)) return uuidBytes(text);
  }
  const uuid = hash('sha1', Buffer.concat([namespace, id]), 'buffer').subarray(0, 16);
  uuid[6] = (uuid[6]! & 0x0f) | 0x50;
  uuid[8] = (uuid[8]! & 0x3f) | 0x80;
  return uuid;
}
