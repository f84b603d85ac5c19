import Pool from 'undici/lib/dispatcher/pool.js';
import { ALL_PARTS } from '../src/chroma/chroma-source.ts';
import type { ShardItem } from '../src/contract.ts';
import { READERS } from '../src/shard/pages.ts';

/** The limit of an export: the shard's own pages asked for by as many readers, and thrown away as they come. */
export async function fetchPages(chromaUrl: string, shard: ShardItem, readers = READERS): Promise<void> {
  const pool = new Pool(chromaUrl, { connections: readers });
  const end = shard.offset + shard.records;
  let next = shard.offset;
  const read = async () => {
    while (next < end) {
      const range = { offset: next, limit: Math.min(shard.pageSize, end - next) };
      next += range.limit;
      await throwAway(pool, pathOf(shard), { ...range, include: ALL_PARTS });
    }
  };
  try {
    await Promise.all(Array.from({ length: readers }, read));
  } finally {
    await pool.destroy();
  }
}

/** Takes each piece from undici itself: its streams would cost as much again. */
function throwAway(pool: Pool, path: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    pool.dispatch(
      { method: 'POST', path, headers, body: JSON.stringify(body) },
      {
        onRequestStart() {},
        onResponseStart(controller, status) {
          if (status !== 200) controller.abort(new Error(`Chroma answered ${status}`));
        },
        onResponseData() {},
        onResponseEnd: () => resolve(),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
}

const pathOf = ({ tenant, database, collectionId }: ShardItem) =>
  `/api/v2/tenants/${tenant}/databases/${database}/collections/${collectionId}/get`;
