import type { CollectionProfile } from '../contract.ts';

/**
 * JSON of one page. Larger pages cost memory, smaller ones requests; the rate was flat between 2 and 8 MB.
 * Chroma writes a component in about 12 bytes.
 */
const PAGE_BYTES = 4 * 1024 * 1024;
const JSON_BYTES_PER_COMPONENT = 12;
const MAX_PAGE_RECORDS = 1000;

export interface ShardCut {
  number: number;
  offset: number;
  records: number;
}

/** Bytes of a record in the store: both COPY rows and its digest. */
export const storedRecordBytes = (dimension: number, profile: CollectionProfile): number =>
  4 * dimension + profile.averageDocumentBytes + profile.averageMetadataBytes + profile.averageIdBytes + 160;

/** Records of each shard but the last: about `shardBytes`, and as even as can be. */
export function shardRecords(
  records: number,
  dimension: number,
  profile: CollectionProfile,
  shardBytes: number,
): number {
  const most = Math.max(1, Math.floor(shardBytes / storedRecordBytes(dimension, profile)));
  return records === 0 ? most : Math.ceil(records / Math.ceil(records / most));
}

/** Runs of records of about `shardBytes`. */
export function cutShards(
  records: number,
  dimension: number,
  profile: CollectionProfile,
  shardBytes: number,
): ShardCut[] {
  const size = shardRecords(records, dimension, profile, shardBytes);
  return Array.from({ length: Math.ceil(records / size) }, (_, number) => {
    const offset = number * size;
    return { number, offset, records: Math.min(size, records - offset) };
  });
}

/** Records that are asked of Chroma at a time. */
export function pageSize(dimension: number, profile: CollectionProfile): number {
  const record =
    dimension * JSON_BYTES_PER_COMPONENT +
    profile.averageDocumentBytes +
    profile.averageMetadataBytes +
    profile.averageIdBytes;
  return Math.max(1, Math.min(MAX_PAGE_RECORDS, Math.floor(PAGE_BYTES / Math.max(1, record))));
}
