/** Where exported files lie: one file, a folder of them, or the same in a bucket. */
import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { openStore } from '../src/store/open-store.ts';
import type { ShardStore } from '../src/store/store.ts';

/** Names of files of JSON lines, compressed or not. */
export const JSON_LINES = /\.(jsonl|ndjson|json)(\.(gz|zst|zstd))?$/i;

export interface FilePlace {
  store: ShardStore;
  /** Key of the one file; null for a folder. */
  file: string | null;
  /** The place as a person wrote it. */
  name: string;
}

/** @throws InvalidInput */
export async function openFilePlace(place: string): Promise<FilePlace> {
  const pathStyle = Boolean(process.env.AWS_ENDPOINT_URL_S3 || process.env.AWS_ENDPOINT_URL);
  const isFolder = statSync(place, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder || !JSON_LINES.test(place))
    return { store: await openStore(place, { pathStyle }), file: null, name: place };
  const folder = /^s3:/.test(place) ? place.slice(0, place.lastIndexOf('/')) : dirname(place);
  return { store: await openStore(folder, { pathStyle }), file: basename(place), name: place };
}
