/** Moves shards in a process that holds nothing else, as a function does, and that can be pinned to a core. */
import { ChromaSource } from '../src/chroma/chroma-source.ts';
import type { ImportShardInput, ShardItem, ShardManifest } from '../src/contract.ts';
import { silentLog } from '../src/log.ts';
import { openDatabase } from '../src/postgres/database.ts';
import { exportShard } from '../src/shard/export-shard.ts';
import { importShard } from '../src/shard/import-shard.ts';
import { openStore } from '../src/store/open-store.ts';
import { fetchPages } from './fetch-pages.ts';
import { secondsOf } from './in-turns.ts';
import { readyBytes } from './load-ways.ts';

export type ShardOrder =
  /** Readers: requests that are under way at the same time. */
  | { way: 'export'; shard: ShardItem; readers: number }
  /** The limit of an export, by readers in the same place. */
  | { way: 'fetch'; shard: ShardItem; readers: number }
  | { way: 'import'; shard: ImportShardInput }
  /** The limit of an import by any client: the shard's bytes lie ready in memory from the second time on. */
  | { way: 'ready'; schema: string; manifest: ShardManifest };

const [chromaUrl, databaseUrl, storeUrl] = process.argv.slice(2) as [string, string, string];
const sources = new Map<number, ChromaSource>();
const database = openDatabase({ url: databaseUrl });
const context = { database, store: await openStore(storeUrl), log: silentLog };
let ready: Promise<() => Promise<void>> | null = null;

function carryOut(order: ShardOrder): Promise<unknown> {
  if (order.way === 'export')
    return exportShard({ ...context, chroma: sourceOf(order.readers) }, order.shard);
  if (order.way === 'import') return importShard(context, order.shard);
  if (order.way === 'fetch') return fetchPages(chromaUrl, order.shard, order.readers);
  ready ??= database
    .connect('ready bytes')
    .then((client) => readyBytes(client, order.schema, context.store, order.manifest));
  return ready.then((load) => load());
}

function sourceOf(readers: number): ChromaSource {
  const source = sources.get(readers) ?? new ChromaSource({ url: chromaUrl }, readers);
  sources.set(readers, source);
  return source;
}

process.on('message', async (order: ShardOrder) => {
  process.send?.(await secondsOf(() => carryOut(order)));
});
process.on('disconnect', () => process.exit(0));
