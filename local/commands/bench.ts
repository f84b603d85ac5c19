import { globSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Benchmark } from '../../src/benchmark/benchmark.ts';
import { measureSearches } from '../../src/benchmark/measure-searches.ts';
import { CollectionNotFound } from '../../src/errors.ts';
import { layoutOf } from '../../src/postgres/layouts/layouts.ts';
import { type LiveCollection, liveCollections } from '../../src/tune/live-collections.ts';
import { measureBackup } from '../benchmark/pg-dump.ts';
import { benchmarkHtml, benchmarkSvg } from '../benchmark/picture.ts';
import { benchmarkRows, ratioText } from '../benchmark/rows.ts';
import { type Command, EXIT } from '../command-line/command.ts';
import type { Option, Values } from '../command-line/options.ts';
import { integer, oneOf, text } from '../command-line/values.ts';
import { type Interrupt, onInterrupt } from '../interrupt.ts';
import { benchOutput } from '../output/schemas.ts';
import { printableLines } from '../progress/progress-line.ts';
import { StepDisplay } from '../progress/step-display.ts';
import { openSource, openTarget, outputOptions, sourceOptions, targetOptions } from '../source-options.ts';
import { alignedTable } from '../summary.ts';

const WRITERS: Record<string, (benchmark: Benchmark) => string> = {
  '.html': benchmarkHtml,
  '.svg': benchmarkSvg,
  '.json': (benchmark) => `${JSON.stringify(benchmark, null, 2)}\n`,
};

const output: Option<string> = {
  value: 'FILE.html|svg|json',
  help: 'writes the figures there too, as a page, as a picture or for machines',
  parse: (given) => {
    if (!(extname(given) in WRITERS)) throw new Error(`is '${given}' and must end in .html, .svg or .json`);
    return given;
  },
};

const options = {
  ...sourceOptions,
  ...targetOptions,
  collection: text('NAME', 'collection or schema to search; the largest that was migrated by default'),
  queries: integer('different vectors that are searched for; 100 by default', { min: 1, max: 10_000 }),
  seconds: integer('how long each number of clients asks each side; 3 by default', { min: 1, max: 300 }),
  sourceFolder: text(
    'DIR',
    "folder of Chroma's data, if it is on this machine: its API does not say how large it is",
  ),
  backup: oneOf(
    ['restore', 'dump', 'none'],
    'pg_dump alone, or also pg_restore into a new database of the server that is dropped again (default, up to 5 GiB)',
  ),
  output,
  ...outputOptions,
};

export const bench: Command<typeof options> = {
  name: 'bench',
  summary: 'measures Chroma and Postgres on the same searches, in turn',
  description:
    'Measures the latency of searches, queries a second at 1, 10 and 50 clients, recall, storage, and the time of a backup and a restore. Reads both servers; the only thing it writes is the database that a restore needs, and drops. Takes about half a minute, and as long as pg_dump takes.',
  options,
  output: benchOutput,
  examples: [
    'chroma-to-pgvector bench --source http://localhost:8000 --target postgres://user@localhost/vectors',
    'chroma-to-pgvector bench --source http://localhost:8000 --target postgres://user@localhost/vectors --collection docs --output bench.html',
    'chroma-to-pgvector bench --source http://localhost:8000 --target postgres://user@localhost/vectors --backup none --seconds 10 --json',
  ],
  async run(values) {
    const interrupt = onInterrupt('nothing was changed; start it again');
    const display = values.quiet ? null : new StepDisplay();
    try {
      const benchmark = await measure(values, interrupt, (what, share) => display?.show(what, share));
      display?.stop();
      if (values.output) await writeFile(values.output, WRITERS[extname(values.output)]!(benchmark));
      if (values.json) process.stdout.write(`${JSON.stringify(benchmark)}\n`);
      else process.stdout.write(`${printableLines(benchmarkText(benchmark, values.output))}\n`);
      return EXIT.done;
    } finally {
      display?.stop();
      interrupt.release();
    }
  },
};

async function measure(
  values: Values<typeof options>,
  interrupt: Interrupt,
  onProgress: (what: string, share: number) => void,
): Promise<Benchmark> {
  const { signal } = interrupt;
  const chroma = openSource(values, 64);
  const database = openTarget(values);
  try {
    const version = await interrupt.stops(chroma.version());
    const live = await database.withClient('bench', async (client) =>
      chosen(
        await liveCollections(client, database.where, values.collection ? [values.collection] : undefined),
      ),
    );
    const settings = { queries: values.queries ?? 100, seconds: values.seconds ?? 3, signal, onProgress };
    const searches = await interrupt.stops(measureSearches({ chroma, database, live }, settings));
    // Not left alone when somebody stops it: it drops what it has made.
    onProgress('backup', 0);
    const backup = await measureBackup({
      ...{ database, target: values.target as string, targetCa: values.targetCa, schema: live.schema },
      vectors: layoutOf(live).vectors,
      ...{ bytes: live.dataBytes + live.indexBytes, wish: values.backup ?? null, signal },
    });
    const versions = await database.withClient('bench', async (client) => {
      const { rows } = await client.query<{ postgres: string; pgvector: string }>(
        `select current_setting('server_version') as postgres,
                (select extversion from pg_extension where extname = 'vector') as pgvector`,
      );
      return rows[0]!;
    });
    return {
      measuredAt: new Date().toISOString(),
      ...{ collection: live.collection, schema: live.schema, records: live.records },
      ...{ dimension: live.dimension, space: live.space, neighbours: 10 },
      versions: { chroma: version, ...versions },
      ...searches,
      storage: {
        postgres: { dataBytes: live.dataBytes, indexBytes: live.indexBytes },
        chroma: values.sourceFolder ? { bytes: folderBytes(values.sourceFolder) } : null,
      },
      backup,
    };
  } finally {
    await chroma.close();
  }
}

function chosen(live: LiveCollection[]): LiveCollection & { dimension: number } {
  const largest = live
    .toSorted((one, other) => other.records - one.records)
    .find(({ dimension }) => dimension);
  if (!largest)
    throw new CollectionNotFound('No migrated collection holds a vector: there is nothing to search for.');
  return { ...largest, dimension: largest.dimension! };
}

const folderBytes = (folder: string): number =>
  globSync('**/*', { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);

function benchmarkText(benchmark: Benchmark, file: string | undefined): string {
  const { collection, records, dimension, queries, latency } = benchmark;
  const rows = benchmarkRows(benchmark);
  const table = alignedTable(
    [
      ['', 'Chroma', 'Postgres', '', ''],
      ...rows.map(({ metric, chroma, postgres, ratio }) => [metric, chroma, postgres, ratioText(ratio), '']),
    ],
    1,
  );
  return [
    `Collection ${collection}: ${records.toLocaleString('en')} records of ${dimension} dimensions; ${queries} queries, ${latency.postgres.searches} searches of each side one after the other.`,
    '',
    ...table.map((line, at) => {
      const note = at === 0 ? null : rows[at - 1]!.note;
      return note ? `${line}  (${note})` : line;
    }),
    ...(file ? ['', `Written to ${file}`] : []),
  ].join('\n');
}
