/** What lies beside exported files and says what they hold. Files without it can be imported too. */
import type { CollectionPlan, ShardFormat, ShardObject } from '../contract.ts';
import { InvalidInput } from '../errors.ts';
import type { ShardStore } from '../store/store.ts';

/** Its CRC-32 is what `crc32 FILE` prints. */
export type ExportedFile = ShardObject & { records: number };

export interface ExportedCollection {
  plan: CollectionPlan;
  files: ExportedFile[];
  records: number;
  /** Records that Postgres cannot hold as they are; the files have them nevertheless. */
  unholdable: number;
  /** Sum of the digests of all others modulo 2^64, decimal. */
  checksum: string;
}

export interface ExportManifest {
  version: 1;
  createdAt: string;
  source: string;
  sourceVersion: string;
  format: ShardFormat;
  /** Format pgcopy: the run whose shards these are. */
  run: string | null;
  /** What was asked for, where it was not everything. */
  part: { where: unknown; limit: number | null } | null;
  collections: ExportedCollection[];
}

/** Of a folder, or beside a single file. */
export const manifestKey = (file: string | null): string =>
  file === null ? 'manifest.json' : `${file}.manifest.json`;

/** null if there is none. @throws InvalidInput if it cannot be read */
export async function readExportManifest(store: ShardStore, key: string): Promise<ExportManifest | null> {
  const text = await store.readText(key);
  if (text === null) return null;
  try {
    const manifest = JSON.parse(text) as ExportManifest;
    if (manifest.version !== 1 || !Array.isArray(manifest.collections))
      throw new TypeError('another version');
    return manifest;
  } catch (cause) {
    throw new InvalidInput(
      `${store.urlOf(key)} is not this program's: move it away to import the files beside it as they are.`,
      { cause },
    );
  }
}
