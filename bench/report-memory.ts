/**
 * What memory the report of an estate takes: of its plan and verifications in a folder, and of its ledger in Postgres.
 * `node --import ./local/sql-loader.ts bench/report-memory.ts [COLLECTIONS]`, with `DATABASE_URL` for a native server.
 * docs/scale.md has what came of it.
 */
import { execFileSync } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan } from '../src/contract.ts';
import { silentLog } from '../src/log.ts';
import { writePlan } from '../src/plan/plan-file.ts';
import { collectionSchema } from '../src/postgres/collection-schema.ts';
import { openDatabase } from '../src/postgres/database.ts';
import { beginRun, recordCollections } from '../src/postgres/ledger.ts';
import { migrateLedger } from '../src/postgres/ledger-schema.ts';
import { writeReport } from '../src/report/write-report.ts';
import { textHash } from '../src/store/json.ts';
import { keys } from '../src/store/keys.ts';
import { openStore } from '../src/store/open-store.ts';
import { startTestPostgres } from '../test/fixtures/postgres.ts';
import { temporaryFolder } from '../test/fixtures/temporary-folder.ts';
import { planOf } from '../test/postgres/target-run.ts';
import { sampleCollection, samplePlan } from '../test/report/sample-parts.ts';

const RUN = 'estate';

/** A run of many small collections that has come to its report. */
async function fillRun(url: string, folder: string, count: number): Promise<void> {
  const keysOfMetadata = Array.from({ length: 6 }, (_, at) => ({ key: `key_${at}`, types: ['string'] }));
  const { profile } = samplePlan();
  const collections = Array.from({ length: count }, (_, at) =>
    samplePlan({
      ...{ collection: `user-${at}`, schema: `user_${at}`, records: 50, dimension: 32 },
      profile: { ...profile, metadataKeys: keysOfMetadata as never },
      configuration: { hnsw: { space: 'cosine', ef_construction: 100, ef_search: 100, max_neighbors: 16 } },
    }),
  );
  const plan: Plan = { ...planOf(RUN, collections), shardsHash: textHash('[]') };
  const store = await openStore(folder);
  await store.writeText(keys.shards(RUN), '[]');
  await writePlan(store, plan);
  for (const [seed, one] of collections.entries())
    await store.writeText(
      keys.verification(RUN, one.schema),
      JSON.stringify(sampleCollection(one, { seed }).verification, null, 2),
    );
  await openDatabase({ url }).withClient('bench', async (client) => {
    await client.query('create extension if not exists vector');
    await migrateLedger(client);
    await beginRun(client, plan);
    await recordCollections(client, plan);
    await client.query(
      `insert into chroma_migration.shards (run, schema, number, records, loaded, rejected, vanished, checksum, bytes,
              content, export_started_at, exported_at, import_started_at, imported_at)
       select run, schema, 0, records, records, 0, 0, 4611686018427387904, 40000, 'rows', now(), now(), now(), now()
         from chroma_migration.collections`,
    );
    for (const { name, ddl } of collectionSchema(collections[0]!, 'user_0').indexes)
      await client.query(
        `insert into chroma_migration.index_builds (run, schema, index, ddl, started_at, finished_at, state)
         select run, schema, $1, $2, now(), now(), 'valid' from chroma_migration.collections`,
        [name, ddl],
      );
  });
}

/** In a process that has done nothing else, as a function has not. */
async function measure(url: string, folder: string): Promise<void> {
  const megabytes = () => Math.round(process.resourceUsage().maxRSS / 1024);
  const before = megabytes();
  const started = performance.now();
  const context = { database: openDatabase({ url }), store: await openStore(folder), log: silentLog };
  const { report } = await writeReport(context, { run: RUN, status: 'succeeded' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const files = [keys.reportJson(RUN), keys.certificate(RUN), keys.reportHtml(RUN)];
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size));
  process.stdout.write(
    `${report.collections.length} collections: ${megabytes()} MB at most, ${before} before, in ${seconds} s; ${files
      .map((file, at) => `${file} ${(sizes[at]! / 1e6).toFixed(1)} MB`)
      .join(', ')}\n`,
  );
}

const [count = '10000', url, folder] = process.argv.slice(2);
if (url !== undefined && folder !== undefined) {
  await measure(url, folder);
  process.exit(0);
}
const postgres = await startTestPostgres();
try {
  const made = await temporaryFolder('report-memory-');
  await fillRun(postgres.url, made, Number(count));
  const program = ['--import', './local/sql-loader.ts', import.meta.filename, count, postgres.url, made];
  execFileSync(process.execPath, program, { stdio: 'inherit' });
} finally {
  await postgres.stop();
}
