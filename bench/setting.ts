import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedChroma, startEmbeddedChroma } from '../local/embedded-chroma/start.ts';
import { ChromaSource } from '../src/chroma/chroma-source.ts';
import type { Plan, ShardItem } from '../src/contract.ts';
import { MigrationInput } from '../src/migration-input.ts';
import { makePlan } from '../src/plan/make-plan.ts';
import { type Database, openDatabase } from '../src/postgres/database.ts';
import { openStore } from '../src/store/open-store.ts';
import type { ShardStore } from '../src/store/store.ts';
import { fillCollection } from '../test/fixtures/fill-collection.ts';
import { startTestPostgres, type TestPostgres } from '../test/fixtures/postgres.ts';

/** What every measurement works on: servers, a store, and collections by name. */
export interface Setting {
  chroma: ChromaSource;
  chromaServer: EmbeddedChroma;
  postgres: TestPostgres;
  database: Database;
  store: ShardStore;
  close(): Promise<void>;
}

/** The whole collection in one shard as far as that goes: memory and rates then show what one shard costs. */
const ONE_SHARD_BYTES = 1024 ** 3;

/** @throws InvalidInput, TargetUnavailable and the like, if a server does not start */
export async function openSetting(): Promise<Setting> {
  const folder = await mkdtemp(join(tmpdir(), 'chroma-to-pgvector-bench-'));
  // A database server on this machine runs as another user, and shall read the shards from their files.
  await chmod(folder, 0o755);
  const [chromaServer, postgres] = await Promise.all([
    startEmbeddedChroma({ folder: join(folder, 'chroma') }),
    startTestPostgres(),
  ]);
  const chroma = new ChromaSource({ url: chromaServer.url });
  return {
    ...{ chroma, chromaServer, postgres },
    database: openDatabase({ url: postgres.url }),
    store: await openStore(join(folder, 'store')),
    async close() {
      await chroma.close();
      await Promise.all([chromaServer.stop(), postgres.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Collection {
  name: string;
  dimension: number;
  records: number;
}

/** With a document of 100 bytes and the guide's metadata in each record. */
export async function fill({ chromaServer }: Setting, collection: Collection): Promise<void> {
  await fillCollection(chromaServer.url, collection);
}

/** A plan of a run that moves one collection in one shard. */
export async function planOneShard(
  setting: Setting,
  run: string,
  collection: Collection,
): Promise<{ plan: Plan; shard: ShardItem }> {
  const { plan, shards } = await planShards(setting, run, collection, 1);
  return { plan, shard: shards[0] as ShardItem };
}

/** A plan of a run that moves one collection in so many shards. */
export async function planShards(
  { chroma, store }: Setting,
  run: string,
  collection: Collection,
  wanted: number,
): Promise<{ plan: Plan; shards: ShardItem[] }> {
  const planned = (shardBytes: number) =>
    makePlan(
      chroma,
      run,
      // An earlier measurement may hold the same collection's schema.
      MigrationInput.parse({ collections: [collection.name], shardBytes, takeOver: true }),
      store,
    );
  const whole = await planned(ONE_SHARD_BYTES);
  const bytes = whole.plan.collections[0]!.bytes;
  const { plan, shards } = wanted === 1 ? whole : await planned(Math.ceil((bytes / wanted) * 1.01));
  if (shards.length !== wanted)
    throw new RangeError(`${collection.name} is cut into ${shards.length} shards and not ${wanted}`);
  return { plan, shards };
}
