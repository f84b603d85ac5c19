import { join, resolve } from 'node:path';
import pg from 'pg';
import { type Command, EXIT } from '../command-line/command.ts';
import { text } from '../command-line/values.ts';
import { consoleLog } from '../console-log.ts';
import { embed } from '../demo/embed.ts';
import { fillDemo } from '../demo/fill.ts';
import { DEMO_QUERIES } from '../demo/queries.ts';
import { startEmbeddedChroma } from '../embedded-chroma/start.ts';
import { startEmbeddedPostgres } from '../embedded-postgres/start.ts';
import { onInterrupt } from '../interrupt.ts';
import { runOutput } from '../output/schemas.ts';
import { runMigration } from '../run-migration.ts';
import { DEFAULT_STORE, newRunName } from '../run-name.ts';
import { outputOptions } from '../source-options.ts';
import { printRun } from './migrate.ts';

const options = {
  store: text(
    'FOLDER',
    'where shards, report and both databases are left; a new folder in .chroma-to-pgvector by default',
  ),
  ...outputOptions,
};

export const demo: Command<typeof options> = {
  name: 'demo',
  summary: 'the whole way on this machine: a Chroma server, an embedded Postgres, real content',
  description:
    "Starts a Chroma server, fills it with this program's own sources and documents, starts an embedded Postgres with pgvector, migrates, verifies, and searches the migrated data. Takes less than two minutes and needs nothing installed.",
  options,
  output: runOutput,
  examples: ['chroma-to-pgvector', 'chroma-to-pgvector demo --store /tmp/demo'],
  async run(values) {
    const run = newRunName('demo');
    const folder = resolve(values.store ?? join(DEFAULT_STORE, run));
    const say = values.quiet ? () => undefined : (line: string) => void process.stderr.write(`${line}\n`);
    const interrupt = onInterrupt('start the demo again');
    const started: { stop(): Promise<void> }[] = [];
    try {
      say('Starting a Chroma server and an embedded Postgres …');
      const [chroma, postgres] = await Promise.all([
        startEmbeddedChroma({ folder: join(folder, 'chroma') }),
        startEmbeddedPostgres({ folder: join(folder, 'postgres') }),
      ]);
      started.push(chroma, postgres);
      say("Filling Chroma with this program's own sources and documents …");
      await fillDemo(chroma.url, consoleLog(values));
      const settings = {
        ...values,
        source: chroma.url,
        target: postgres.url,
        store: folder,
        run,
        request: {},
      };
      const finished = await runMigration(
        { ...settings, sourceHeader: undefined, sourceCa: undefined, targetCa: undefined },
        interrupt,
      );
      printRun(finished, values.json, null);
      if (finished.report.status !== 'succeeded') return EXIT.failed;
      if (!values.json) await search(postgres.url);
      return EXIT.done;
    } finally {
      interrupt.release();
      await Promise.all(started.map((server) => server.stop()));
    }
  },
};

/** Asks the migrated tables, through the function that an application would call. */
async function search(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    for (const { question, schema, dimension } of DEMO_QUERIES) {
      const vector = `[${embed(question, dimension).join(',')}]`;
      const { rows } = await client.query<{ file_path: string; similarity: number }>(
        `select file_path, similarity from ${pg.escapeIdentifier(schema)}.search_similar($1::vector, 3, 0)`,
        [vector],
      );
      process.stdout.write(`\n${schema}: “${question}”\n`);
      for (const { file_path, similarity } of rows)
        process.stdout.write(`  ${similarity.toFixed(3)}  ${file_path}\n`);
    }
  } finally {
    await client.end();
  }
}
