/** Whether Chroma holds what it held, for the commands that go back to it. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../src/log.ts';
import type { Database } from '../src/postgres/database.ts';
import { FileStore } from '../src/store/file-store.ts';
import { type AsItWas, sourceAsItWas } from '../src/verify/source-as-it-was.ts';
import { serveSource } from './chroma-folder.ts';
import { readingLog } from './progress/progress-log.ts';
import { withProgress } from './progress/with-progress.ts';
import { openSource, type SourceValues } from './source-options.ts';

interface AsItWasValues extends SourceValues {
  quiet?: true | undefined;
  verbose?: true | undefined;
}

/** Reads Chroma again, with the progress of it. @param name of one collection or its schema; all live ones by default */
export async function readAsItWas(
  values: AsItWasValues,
  database: Database,
  name?: string,
): Promise<AsItWas[]> {
  const source = await serveSource(values.source as string);
  const chroma = openSource({ ...values, source: source.url });
  const folder = await mkdtemp(join(tmpdir(), 'chroma-to-pgvector-switch-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  // Not before: what was under way when somebody interrupted it may still write there.
  process.once('exit', remove);
  const store = new FileStore(folder);
  const read = (log: Log) => sourceAsItWas({ chroma, database, store, log }, name);
  try {
    return await withProgress(values, read, readingLog);
  } finally {
    await chroma.close();
    await source.stop();
  }
}

/** A line a collection, and one for each thing that is not as it was. */
export const asItWasText = (found: readonly AsItWas[]): string =>
  found
    .flatMap(({ collection, safe, chroma, differences }) =>
      safe
        ? [`✅ ${collection}: Chroma holds what it held (${count(chroma?.records ?? 0)}, checksum equal).`]
        : differences.map((difference) => `❌ ${collection}: ${difference}`),
    )
    .join('\n');

const count = (records: number) => `${records.toLocaleString('en-US')} record${records === 1 ? '' : 's'}`;
