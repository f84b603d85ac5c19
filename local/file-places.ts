/** Where exported files lie: one file, a folder of them, or the same in a bucket. */
import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { InvalidInput } from '../src/errors.ts';
import type { ExportManifest } from '../src/files/export-manifest.ts';
import { listFiles, type SourceFile } from '../src/files/source-files.ts';
import { openStore } from '../src/store/open-store.ts';
import type { ShardStore } from '../src/store/store.ts';
import { JSON_LINES } from './command-line/values.ts';

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
  const found = statSync(place, { throwIfNoEntry: false });
  const isFolder = found?.isDirectory();
  if (found && !isFolder && !JSON_LINES.test(place))
    throw new InvalidInput(
      `${place} is a file that is not named as JSON lines are (.jsonl, .ndjson or .json, also .gz and .zst): rename it, or name a folder.`,
    );
  if (isFolder || !JSON_LINES.test(place))
    return { store: await openStore(place, { pathStyle }), file: null, name: place };
  const folder = /^s3:/.test(place) ? place.slice(0, place.lastIndexOf('/')) : dirname(place);
  return { store: await openStore(folder, { pathStyle }), file: basename(place), name: place };
}

/** The files that a manifest names, or else all that lie there. @throws InvalidInput */
export async function filesOf(from: FilePlace, manifest: ExportManifest | null): Promise<SourceFile[]> {
  if (manifest) {
    const files = manifest.collections.flatMap((one) => one.files);
    return [...new Map(files.map(({ key, bytes }) => [key, { key, bytes }])).values()];
  }
  const pathStyle = Boolean(process.env.AWS_ENDPOINT_URL_S3 || process.env.AWS_ENDPOINT_URL);
  const all = await listFiles(from.store, JSON_LINES, pathStyle);
  const files = from.file === null ? all : all.filter(({ key }) => key === from.file);
  if (files.length > 0) return files;
  throw new InvalidInput(
    from.file === null
      ? `${from.name} holds no file of JSON lines (.jsonl, .ndjson or .json, also .gz and .zst): correct --source.`
      : `${from.name} is not there: correct --source.`,
  );
}

/** `./exports/pages.jsonl.gz` → `pages` */
export const nameOf = (source: string): string =>
  (source.replace(/\/+$/, '').split('/').at(-1) as string).replace(JSON_LINES, '') || 'import';
