/** Whether Chroma holds what it held, for the commands that go back to it. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../src/postgres/database.ts';
import { FileStore } from '../src/store/file-store.ts';
import { type AsItWas, sourceAsItWas } from '../src/verify/source-as-it-was.ts';
import { serveSource } from './chroma-folder.ts';
import { consoleLog } from './console-log.ts';
import { Progress } from './progress/progress.ts';
import { ProgressDisplay } from './progress/progress-line.ts';
import { readingLog } from './progress/progress-log.ts';
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
  const progress = new Progress();
  const display = values.quiet ? null : new ProgressDisplay(progress);
  try {
    return await sourceAsItWas(
      { chroma, database, store: new FileStore(folder), log: readingLog(progress, consoleLog(values)) },
      name,
    );
  } finally {
    display?.stop();
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
