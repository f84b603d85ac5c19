import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { ALL_PARTS } from '../src/chroma/chroma-source.ts';
import type { ShardItem, ShardManifest } from '../src/contract.ts';
import { silentLog } from '../src/log.ts';
import { incomingSchema } from '../src/postgres/collection-schema.ts';
import { prepareDatabase } from '../src/postgres/prepare-database.ts';
import { exportShard } from '../src/shard/export-shard.ts';
import { readManifest } from '../src/shard/manifest.ts';
import { sealed } from '../src/store/json.ts';
import { keys } from '../src/store/keys.ts';
import { CLIENT_CORE, pin, pinPostgres, SERVER_CORE } from './cores.ts';
import { atLeast, count, type Figure, rate } from './figure.ts';
import { inTurns, secondsOf, type Way } from './in-turns.ts';
import { insertRows, limitOf, psqlCopy, type ScriptRecord } from './load-ways.ts';
import { type Collection, planOneShard, type Setting } from './setting.ts';
import { runTogether, startShardWorker } from './shard-worker.ts';

const CONNECTIONS = [1, 2, 4];
/** Enough for a steady rate of what is ten times slower. */
const INSERTED_RECORDS = 2_000;

/** A finished shard, and the tables that it goes into. */
interface Finished {
  shard: ShardItem;
  manifest: ShardManifest;
  /** Quoted. */
  schema: string;
}

/** `apart`: the server on one core and its clients on another, as on two machines; `together`: all on all cores. */
type Places = 'together' | 'apart';

/**
 * The product's import of a finished shard beside COPY of the same bytes by the server itself, beside the best that
 * clients do with as many connections, and beside INSERT. Each connection loads the whole shard, so all load as long.
 */
export async function measureImportRate(setting: Setting, collection: Collection): Promise<Figure[]> {
  const finished = await finishShard(setting, collection);
  const figures: Figure[] = [];
  for (const connections of CONNECTIONS)
    figures.push(...(await measureConnections(setting, finished, connections, 'together')));
  const unpin = await setting.database.withClient('bench', (client) => pinPostgres(client, SERVER_CORE));
  if (!unpin) return figures;
  try {
    for (const connections of CONNECTIONS)
      figures.push(...(await measureConnections(setting, finished, connections, 'apart')));
  } finally {
    await unpin();
  }
  return figures;
}

async function finishShard(setting: Setting, collection: Collection): Promise<Finished> {
  const { database, store, chroma } = setting;
  const { plan, shard } = await planOneShard(setting, `import-${collection.dimension}`, collection);
  await prepareDatabase(database, plan, silentLog);
  const { manifestKey } = await exportShard({ chroma, store, log: silentLog }, shard);
  const manifest = (await readManifest(store, manifestKey)) as ShardManifest;
  return { shard, manifest, schema: pg.escapeIdentifier(incomingSchema(shard.schema)) };
}

async function measureConnections(
  setting: Setting,
  finished: Finished,
  connections: number,
  places: Places,
): Promise<Figure[]> {
  const { database } = setting;
  const { shard, manifest, schema } = finished;
  const of = <T>(make: (place: number) => T) =>
    Array.from({ length: connections }, (_, place) => make(place));
  const importers = of(() => startShardWorker(setting));
  const senders = of(() => startShardWorker(setting));
  const isApart = places === 'apart';
  if (isApart) for (const { pid } of [...importers, ...senders]) await pin(pid, CLIENT_CORE);
  const clients = await Promise.all(of(() => database.connect('bench')));
  const client = clients[0] as pg.Client;
  /** Times one way into empty tables that no checkpoint disturbs. */
  const intoEmpty =
    (load: () => Promise<number>): Way =>
    async () => {
      await client.query(`truncate ${schema}.documents, ${schema}.embeddings`);
      await client.query('delete from chroma_migration.shards where run = $1', [shard.run]);
      await client.query('checkpoint').catch(() => undefined);
      return load();
    };
  const atOnce = (load: (place: number) => Promise<unknown>) => () => secondsOf(() => Promise.all(of(load)));
  try {
    const limits = await Promise.all(clients.map((one) => limitOf(one, schema, setting.store, manifest)));
    const psql = await psqlCopy(
      ...([setting.postgres.url, schema, setting.store, manifest] as const),
      isApart ? CLIENT_CORE : undefined,
    );
    const records = connections === 1 && !isApart ? await scriptRecords(setting, shard) : null;
    const never: Way = async () => Number.POSITIVE_INFINITY;
    const shards = await Promise.all(of((number) => shardLike(setting, finished, number)));
    const seconds = await inTurns({
      imported: intoEmpty(() =>
        runTogether(
          importers,
          shards.map((one) => ({ way: 'import', shard: one })),
        ),
      ),
      copied: intoEmpty(atOnce((place) => limits[place]!.load())),
      sent: intoEmpty(() =>
        runTogether(
          senders,
          of(() => ({ way: 'ready', schema, manifest })),
        ),
      ),
      psql: psql ? intoEmpty(atOnce(psql)) : never,
      inserted: records ? intoEmpty(() => secondsOf(() => insertRows(client, schema, records))) : never,
    });
    return figuresOf(finished, connections, places, limits[0]!.words, {
      ...seconds,
      inserted: records ? (seconds.inserted / records.length) * shard.records : null,
    });
  } finally {
    await Promise.all([...importers, ...senders].map((worker) => worker.stop()));
    await Promise.all(clients.map((one) => one.end()));
  }
}

type Seconds = Record<'imported' | 'copied' | 'sent' | 'psql', number> & { inserted: number | null };

function figuresOf(
  { shard }: Finished,
  connections: number,
  places: Places,
  limit: string,
  { imported, copied, sent, psql, inserted }: Seconds,
): Figure[] {
  const ofAll = (seconds: number) => rate(shard.records * connections, seconds);
  const peer = Math.min(sent, psql);
  const by = `${connections} connection${connections === 1 ? '' : 's'}`;
  const row = {
    what: `import, ${count(shard.dimension)} dimensions, ${by}${places === 'apart' ? ', server and clients on different cores' : ''}`,
    product: ofAll(imported),
    headline: connections === 1 && places === 'together',
  };
  const byPsql = Number.isFinite(psql) ? `${ofAll(psql)} by psql \\copy` : 'psql is not here';
  const figures: Figure[] = [
    {
      ...row,
      beside: `${ofAll(copied)} by ${limit}`,
      ratio: copied / imported,
      goal: atLeast(0.9, copied / imported),
    },
    {
      ...row,
      beside: `${ofAll(sent)} of ready bytes by pg-copy-streams, ${byPsql}`,
      ratio: peer / imported,
      goal: atLeast(0.95, peer / imported),
      headline: false,
    },
  ];
  if (inserted !== null)
    figures.push({
      ...row,
      beside: `${ofAll(inserted)} by INSERT of 100 rows a statement`,
      ratio: inserted / imported,
      goal: atLeast(10, inserted / imported, ' ×'),
    });
  return figures;
}

/** A shard of the same objects under another number. Its records are there twice then, which no key forbids yet. */
async function shardLike({ store }: Setting, { manifest }: Finished, number: number) {
  const { run, schema, collection } = manifest;
  const manifestKey = keys.manifest(run, schema, number);
  await store.writeText(manifestKey, sealed({ ...manifest, number }));
  return { run, schema, collection, number, manifestKey };
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
