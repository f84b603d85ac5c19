import type { ShardManifest } from '../contract.ts';
import { MigrationError, ShardCorrupt, StoreRefused } from '../errors.ts';
import { unsealed } from '../store/json.ts';
import { ObjectDamaged, type ShardStore } from '../store/store.ts';

/** A shard's manifest; null while the shard is not whole. @throws ShardCorrupt */
export async function readManifest(store: ShardStore, key: string): Promise<ShardManifest | null> {
  try {
    return await look(store, key);
  } catch (first) {
    // A store that is away for a while has not damaged it.
    if (isAway(first)) throw first;
  }
  // It may be the line that damaged it.
  try {
    return await look(store, key);
  } catch (cause) {
    if (isAway(cause)) throw cause;
    await store.delete(key);
    throw new ShardCorrupt(
      `The manifest ${store.urlOf(key)} could not be read and was deleted: run again, the shard is then exported anew.`,
      { cause },
    );
  }
}

async function look(store: ShardStore, key: string): Promise<ShardManifest | null> {
  const text = await store.readText(key);
  if (text === null) return null;
  const manifest = unsealed<ShardManifest>(text);
  // Nothing is wrong with it, and it may be the only one that there is of an export.
  if (manifest.version > 2)
    throw new StoreRefused(
      `The manifest ${store.urlOf(key)} is of version ${manifest.version}, which a later version of this program has written: go on with that one.`,
    );
  if (manifest.version !== 1 && manifest.version !== 2) throw new TypeError(`version ${manifest.version}`);
  return manifest;
}

const isAway = (error: unknown) => error instanceof MigrationError && !(error instanceof ObjectDamaged);

/** The manifest of a shard that must be whole. @throws ShardCorrupt */
export async function requireManifest(store: ShardStore, key: string): Promise<ShardManifest> {
  const manifest = await readManifest(store, key);
  if (manifest) return manifest;
  throw new ShardCorrupt(`The manifest ${store.urlOf(key)} is missing: run again.`);
}
