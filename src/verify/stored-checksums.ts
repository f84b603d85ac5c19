import pMap from 'p-map';
import { addChecksums, DigestSum } from '../copy/digest.ts';
import { DIGEST_RECORD_BYTES } from '../copy/digest-rows.ts';
import { ObjectDamaged, ObjectMissing, type ShardStore } from '../store/store.ts';

/** 24 bytes a record make small objects: of ten thousand shards mostly the way to the bucket counts. */
const READS_AT_A_TIME = 16;

/**
 * Sums modulo 2^64, decimal, of the digests in objects of the store, by key; null of one that is not there, or of which
 * the store says again that it is damaged.
 */
export async function storedChecksums(
  store: ShardStore,
  objects: Iterable<string>,
): Promise<Map<string, string | null>> {
  const sums = await pMap(new Set(objects), async (key) => [key, await storedChecksum(store, key)] as const, {
    concurrency: READS_AT_A_TIME,
  });
  return new Map(sums);
}

async function storedChecksum(store: ShardStore, key: string): Promise<string | null> {
  try {
    // Once more, since a bad line damages what comes, and not what the store has.
    return await sumOf(store, key).catch((error) => {
      if (error instanceof ObjectDamaged) return sumOf(store, key);
      throw error;
    });
  } catch (error) {
    if (error instanceof ObjectMissing || error instanceof ObjectDamaged) return null;
    throw error;
  }
}

async function sumOf(store: ShardStore, key: string): Promise<string> {
  const sum = new DigestSum();
  const add = (bytes: Buffer, at: number) =>
    sum.add(bytes.readUInt32BE(at + 16), bytes.readUInt32BE(at + 20));
  // Of a record that two pieces share: no piece is kept, or joined with the next.
  const shared = Buffer.alloc(DIGEST_RECORD_BYTES);
  let held = 0;
  for await (const piece of await store.readPieces(key)) {
    let at = 0;
    if (held > 0) {
      at = piece.copy(shared, held);
      held += at;
      if (held < DIGEST_RECORD_BYTES) continue;
      add(shared, 0);
    }
    for (; at + DIGEST_RECORD_BYTES <= piece.length; at += DIGEST_RECORD_BYTES) add(piece, at);
    held = piece.copy(shared, 0, at);
  }
  return sum.value().toString();
}

/** Their sum; null if one of them is not known. */
export function sumOfKnown(checksums: readonly (string | null)[]): string | null {
  const known = checksums.filter((checksum) => checksum !== null);
  return known.length < checksums.length ? null : addChecksums(known);
}
