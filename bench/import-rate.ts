import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { ALL_PARTS } from '../src/chroma/chroma-source.ts';
import type { ShardItem, ShardManifest } from '../src/contract.ts';
import { silentLog } from '../src/log.ts';
import { incomingSchema } from '../src/postgres/collection-schema.ts';
import { prepareDatabase } from '../src/postgres/prepare-database.ts';
import { exportShard } from '../src/shard/export-shard.ts';
import { readManifest } from '../src/shard/manifest.ts';
import { atLeast, type Figure, rate } from './figure.ts';
import { inTurns, secondsOf, type Way } from './in-turns.ts';
import { insertRows, limitOf, psqlCopy, readyBytes, type ScriptRecord } from './load-ways.ts';
import { type Collection, planOneShard, type Setting } from './setting.ts';
import { startShardWorker } from './shard-worker.ts';

/** Enough for a steady rate of what is ten times slower. */
const INSERTED_RECORDS = 2_000;

/** The product's import of a finished shard beside COPY of the same bytes by the server itself, and beside INSERT. */
export async function measureImportRate(setting: Setting, collection: Collection): Promise<Figure[]> {
  const { database, store, chroma } = setting;
  const run = `import-${collection.dimension}`;
  const { plan, shard } = await planOneShard(setting, run, collection);
  await prepareDatabase(database, plan, silentLog);
  const { manifestKey } = await exportShard({ chroma, store, log: silentLog }, shard);
  const manifest = (await readManifest(store, manifestKey)) as ShardManifest;
  const records = await scriptRecords(setting, shard);
  const schema = pg.escapeIdentifier(incomingSchema(shard.schema));

  const importer = startShardWorker(setting);
  return database
    .withClient('bench', async (client) => {
      /** Times one way into empty tables that no checkpoint disturbs. */
      const intoEmpty =
        (load: () => Promise<number>): Way =>
        async () => {
          await client.query(`truncate ${schema}.documents, ${schema}.embeddings`);
          await client.query('delete from chroma_migration.shards where run = $1', [run]);
          await client.query('checkpoint').catch(() => undefined);
          return load();
        };
      const limit = await limitOf(client, schema, store, manifest);
      const ready = await readyBytes(client, schema, store, manifest);
      const psql = await psqlCopy(setting.postgres.url, schema, store, manifest);
      const seconds = await inTurns({
        imported: intoEmpty(() => importer.run({ way: 'import', shard: { ...shard, manifestKey } })),
        copied: intoEmpty(() => secondsOf(limit.load)),
        ready: intoEmpty(() => secondsOf(ready)),
        psql: psql ? intoEmpty(() => secondsOf(psql)) : async () => Number.POSITIVE_INFINITY,
        inserted: intoEmpty(() => secondsOf(() => insertRows(client, schema, records))),
      });
      const { imported, copied, ready: sent, psql: byPsql } = seconds;
      const peer = Math.min(sent, byPsql);
      const inserted = (seconds.inserted / records.length) * shard.records;
      const row = {
        what: `import, ${collection.dimension.toLocaleString('en')} dimensions`,
        product: rate(shard.records, imported),
      };
      return [
        {
          ...row,
          beside: `${rate(shard.records, copied)} by ${limit.words}`,
          ratio: copied / imported,
          goal: atLeast(0.9, copied / imported),
        },
        {
          ...row,
          beside: `${rate(shard.records, sent)} of ready bytes by pg-copy-streams, ${psql ? `${rate(shard.records, byPsql)} by psql \\copy` : 'psql is not here'}`,
          ratio: peer / imported,
          goal: atLeast(0.95, peer / imported),
        },
        {
          ...row,
          beside: `${rate(shard.records, inserted)} by INSERT of 100 rows a statement`,
          ratio: inserted / imported,
          goal: atLeast(8, inserted / imported, ' ×'),
        },
      ];
    })
    .finally(() => importer.stop());
}

async function scriptRecords({ chroma }: Setting, shard: ShardItem): Promise<ScriptRecord[]> {
  const range = { offset: 0, limit: Math.min(INSERTED_RECORDS, shard.records) };
  const answer = JSON.parse((await chroma.pageBytes(shard, range, ALL_PARTS)).toString('utf8')) as {
    ids: string[];
    documents: (string | null)[];
    metadatas: (Record<string, unknown> | null)[];
    embeddings: number[][];
  };
  return answer.ids.map((sourceId, index) => ({
    id: randomUUID(),
    sourceId,
    document: answer.documents[index]!,
    metadata: answer.metadatas[index]!,
    embedding: answer.embeddings[index]!,
  }));
}
