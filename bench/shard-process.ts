/** Moves shards in a process that holds nothing else, as a function does, and that can be pinned to a core. */
import { ChromaSource } from '../src/chroma/chroma-source.ts';
import type { ImportShardInput, ShardItem } from '../src/contract.ts';
import { silentLog } from '../src/log.ts';
import { openDatabase } from '../src/postgres/database.ts';
import { exportShard } from '../src/shard/export-shard.ts';
import { importShard } from '../src/shard/import-shard.ts';
import { openStore } from '../src/store/open-store.ts';
import { fetchPages } from './fetch-pages.ts';
import { secondsOf } from './in-turns.ts';

export type ShardOrder =
  | { way: 'export'; shard: ShardItem }
  /** The limit of an export, by a reader in the same place. */
  | { way: 'fetch'; shard: ShardItem }
  | { way: 'import'; shard: ImportShardInput };

const [chromaUrl, databaseUrl, storeUrl] = process.argv.slice(2) as [string, string, string];
const chroma = new ChromaSource({ url: chromaUrl });
const database = openDatabase({ url: databaseUrl });
const context = { chroma, database, store: await openStore(storeUrl), log: silentLog };

function carryOut(order: ShardOrder): Promise<unknown> {
  if (order.way === 'export') return exportShard(context, order.shard);
  if (order.way === 'import') return importShard(context, order.shard);
  return fetchPages(chromaUrl, order.shard);
}

process.on('message', async (order: ShardOrder) => {
  process.send?.(await secondsOf(() => carryOut(order)));
});
process.on('disconnect', () => process.exit(0));
