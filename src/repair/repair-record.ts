import { Scanner } from '../chroma/scanner.ts';
import type { RejectReason } from '../contract.ts';
import { recordUuid, uuidBytes } from '../copy/record-id.ts';

/** A rejected record in a form that Postgres can hold. */
export interface RepairedRecord {
  /** One line of JSON (`id`, `document`, `metadata`, `uri`, `embedding`). */
  json: string;
  /** Its id as the tables have it. */
  id: string;
  /** Id of its rows, 16 bytes: made of that, as of any record's. */
  rowId: Buffer;
  /** What was done, for a person. */
  repair: string;
}

/**
 * Reasons that can be repaired without guessing: U+2400 is Unicode's picture of NUL and stands for nothing else. What
 * half a surrogate pair, a null in a vector or a missing vector should have been, nobody can know.
 */
export const REPAIRABLE: readonly RejectReason[] = [
  'nul-in-id',
  'nul-in-document',
  'nul-in-uri',
  'nul-in-metadata',
];

/** `\u0000` in JSON text: behind an even number of backslashes, of which each two are one that is meant. */
const ESCAPED_NUL = /(?<!\\)((?:\\\\)*)\\u0000/g;

/**
 * Replaces each NUL by U+2400.
 * @param record the record's JSON text as Chroma sent it
 * @returns null if two keys of its metadata would become one
 */
export function repairRecord(record: string, collectionId: string): RepairedRecord | null {
  // One after the other: of two that touch, the first match ends where the second begins.
  const json = record.replaceAll(ESCAPED_NUL, '$1\\u2400');
  if (metadataKeys(record).size !== metadataKeys(json).size) return null;
  const { id } = JSON.parse(json) as { id: string };
  return {
    ...{ json, id },
    rowId: recordUuid(Buffer.from(id), uuidBytes(collectionId)),
    repair: 'NUL → U+2400',
  };
}

/** Not by JSON.parse, which may take one escaped key for another (src/chroma/listed-collections.ts). */
function metadataKeys(record: string): Set<string> {
  const keys = new Set<string>();
  const scanner = new Scanner(Buffer.from(record));
  scanner.members((member) => {
    if (member !== 'metadata') return scanner.skip();
    if (scanner.isNull()) return;
    scanner.members((key) => {
      keys.add(key);
      scanner.skip();
    });
  });
  return keys;
}
