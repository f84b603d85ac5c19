/** Exports, or fetches the same pages and throws them away, in a process that can be pinned to a core. */
import { ChromaSource } from '../src/chroma/chroma-source.ts';
import type { ShardItem } from '../src/contract.ts';
import { silentLog } from '../src/log.ts';
import { exportShard } from '../src/shard/export-shard.ts';
import { openStore } from '../src/store/open-store.ts';
import { fetchPages } from './fetch-pages.ts';
import { secondsOf } from './in-turns.ts';

export interface ExportOrder {
  way: 'export' | 'fetch';
  shard: ShardItem;
}

const [chromaUrl, storeUrl] = process.argv.slice(2) as [string, string];
const context = { chroma: new ChromaSource({ url: chromaUrl }), store: openStore(storeUrl), log: silentLog };

process.on('message', async ({ way, shard }: ExportOrder) => {
  const seconds = await secondsOf(() =>
    way === 'export' ? exportShard(context, shard) : fetchPages(chromaUrl, shard),
  );
  process.send?.(seconds);
});
process.on('disconnect', () => process.exit(0));
