/** Files of JSON lines, read once and cut into the shards of a run, with the progress of it. */
import type { Plan } from '../src/contract.ts';
import type { ExportManifest } from '../src/files/export-manifest.ts';
import { readFiles } from '../src/files/read-files.ts';
import type { Log } from '../src/log.ts';
import { MigrationInput, type MigrationRequest } from '../src/migration-input.ts';
import type { ShardStore } from '../src/store/store.ts';
import { oneOf, text } from './command-line/values.ts';
import { type FilePlace, filesOf, nameOf } from './file-places.ts';
import type { Interrupt } from './interrupt.ts';
import { readingLog } from './progress/progress-log.ts';
import { withProgress } from './progress/with-progress.ts';

/** What files do not say of their records. */
export const fileOptions = {
  collection: text(
    'NAME',
    'collection that the records are; by default as an export says, or the name of the file',
  ),
  space: oneOf(
    ['cosine', 'l2', 'ip'],
    'how a collection is searched that nothing is known of; cosine by default',
  ),
};

interface ReadPlace {
  from: FilePlace;
  manifest: ExportManifest | null;
  collection: string | undefined;
  space: Plan['collections'][number]['space'] | undefined;
  quiet?: true | undefined;
  verbose?: true | undefined;
}

/** Lines that are read and encoded at a time. */
export const BATCH = 1000;

/** @param into store and run that the shards go to */
export async function readFilePlace(
  { from, manifest, collection, space, ...output }: ReadPlace,
  into: {
    store: ShardStore;
    run: string;
    request: MigrationRequest;
    batchSize: number;
    collectionIds?: ReadonlyMap<string, string>;
  },
  interrupt: Interrupt,
): Promise<Plan> {
  const { store, run, request, batchSize, collectionIds } = into;
  const source = sourceOf(from);
  const files = await filesOf(from, manifest);
  const read = (log: Log) =>
    interrupt.stops(
      readFiles({ from: from.store, store, log }, files, {
        ...{ run, source, manifest, batchSize, options: MigrationInput.parse(request) },
        collection: collection ?? nameOf(source),
        isOneCollection: collection !== undefined,
        space: space ?? 'cosine',
        ...(collectionIds && { collectionIds }),
      }),
    );
  return withProgress(output, read, readingLog);
}

/** As the plan names what was read. */
export const sourceOf = ({ store, file }: FilePlace): string =>
  file === null ? store.url : store.urlOf(file);
