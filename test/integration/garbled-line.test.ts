/** A line that damages what the store sends, or what Postgres is sent, once; the store itself is whole. */
import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChromaSource } from '../../src/chroma/chroma-source.ts';
import type { ExportShardOutput, ShardItem } from '../../src/contract.ts';
import { StoreUnavailable, TargetUnavailable } from '../../src/errors.ts';
import { silentLog as log } from '../../src/log.ts';
import { requirePlan } from '../../src/plan/plan-file.ts';
import { planStep } from '../../src/plan/store-plan.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { prepareDatabase } from '../../src/postgres/prepare-database.ts';
import { exportShard } from '../../src/shard/export-shard.ts';
import { importShard } from '../../src/shard/import-shard.ts';
import { keys } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { ShardStore } from '../../src/store/store.ts';
import { TcpProxy } from '../faults/tcp-proxy.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

/** The same store, of which one object comes with a bit wrong the first time that it is read. */
function damagingOnce(store: ShardStore, damaged: string): ShardStore {
  let left = 1;
  const isStruck = (key: string) => key === damaged && left-- > 0;
  return withReads(store, {
    readText: async (key) => {
      const text = await store.readText(key);
      return isStruck(key) ? (text as string).replace(/"read": \d/, '"read": ~') : text;
    },
    readPieces: async (key) => {
      const pieces = await store.readPieces(key);
      if (!isStruck(key)) return pieces;
      return (async function* () {
        for await (const piece of pieces) {
          const sent = Buffer.from(piece);
          sent[sent.length >> 1]! ^= 1;
          yield sent;
        }
      })();
    },
  });
}

/** The same store; something happens before the first piece of one object is handed out for the first time. */
function whenRead(store: ShardStore, awaited: string, happen: () => Promise<void>): ShardStore {
  let left = 1;
  return withReads(store, {
    readPieces: async (key) => {
      const pieces = await store.readPieces(key);
      if (key !== awaited || left-- === 0) return pieces;
      return (async function* () {
        await happen();
        yield* pieces;
      })();
    },
  });
}

/** A store's private fields are its own, so it is asked itself for what is not given. */
const withReads = (store: ShardStore, given: Partial<ShardStore>): ShardStore =>
  new Proxy(store, {
    get: (target, name: keyof ShardStore) => {
      const value = given[name] ?? target[name];
      return typeof value === 'function' ? (value as (...of: never[]) => unknown).bind(target) : value;
    },
  });

describe('a line that damages what a whole store sends', () => {
  const run = 'garbled';
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let source: ChromaSource;
  let database: Database;
  let store: ShardStore;
  let folder: string;
  let shards: ShardItem[];
  let exported: ExportShardOutput[];

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    await fillCollection(chroma.url, { name: 'docs', dimension: 64, records: 900 });
    folder = await temporaryFolder('garbled-line-');
    source = new ChromaSource({ url: chroma.url });
    database = openDatabase({ url: postgres.url });
    store = await openStore(folder);
    const context = { chroma: source, store, log };
    await planStep(context, { execution: run, input: { shardBytes: 64 * 1024 } });
    await prepareDatabase(database, await requirePlan(store, run), log);
    shards = JSON.parse(await readFile(join(folder, keys.shards(run)), 'utf8'));
    exported = [];
    for (const shard of shards) exported.push(await exportShard(context, shard));
  });
  after(async () => {
    await source?.close();
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  for (const [number, object] of (['embeddings', 'documents'] as const).entries())
    it(`costs a try of the import and no export, when it strikes ${object}`, async () => {
      const context = { database, store: damagingOnce(store, keys[object](run, 'docs', number)), log };
      const before = await manifestTime(number);

      await assert.rejects(importShard(context, exported[number]!), (error) => {
        // A bit of a length or of metadata is one that Postgres refuses before the end shows whose it was.
        assert.ok(error instanceof StoreUnavailable || error instanceof TargetUnavailable, String(error));
        assert.match(error.message, /lie there as they were exported, but did not arrive so: run again/);
        return true;
      });
      const { skipped, loaded } = await importShard(context, exported[number]!);

      assert.deepEqual({ skipped, loaded }, { skipped: false, loaded: shards[number]!.records });
      assert.equal(await manifestTime(number), before, 'the shard was exported again');
    });

  it('costs a try of the import and no export, when it strikes what Postgres is sent', async () => {
    const number = 3;
    const { hostname, port } = new URL(postgres.url);
    const proxy = await TcpProxy.start({ host: hostname, port: Number(port) });
    const database = openDatabase({ url: postgres.url.replace(`:${port}/`, `:${proxy.port}/`) });
    const garbled = whenRead(store, keys.embeddings(run, 'docs', number), async () => {
      // By then nothing but the rows is still to be sent: each turn hands on what was, however late it comes.
      for (let turn = 0; turn < 30; turn++) await sleep(10);
      proxy.weather = { kind: 'garble', from: 'client', bytes: Buffer.alloc(40, 0xff) };
    });
    const before = await manifestTime(number);
    try {
      await assert.rejects(importShard({ database, store: garbled, log }, exported[number]!), (error) => {
        assert.ok(error instanceof TargetUnavailable, String(error));
        assert.match(
          error.message,
          /did not arrive so: run again, and if it stays so, check the lines to Postgres/,
        );
        return true;
      });
      const { loaded } = await importShard({ database, store, log }, exported[number]!);

      assert.equal(loaded, shards[number]!.records);
      assert.equal(await manifestTime(number), before, 'the shard was exported again');
    } finally {
      await proxy.stop();
    }
  });

  it('costs nothing but a second look, when it strikes a manifest', async () => {
    const number = 2;
    const before = await manifestTime(number);
    const context = { database, store: damagingOnce(store, keys.manifest(run, 'docs', number)), log };

    const { loaded } = await importShard(context, exported[number]!);

    assert.equal(loaded, shards[number]!.records);
    assert.equal(await manifestTime(number), before, 'the shard was exported again');
  });

  const manifestTime = async (number: number) =>
    (await stat(join(folder, keys.manifest(run, 'docs', number)))).mtimeMs;
});
