import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { ALL_PARTS } from '../src/chroma/chroma-source.ts';
import type { ShardItem } from '../src/contract.ts';
import { READERS } from '../src/shard/pages.ts';

/** The limit of an export: the shard's own pages asked for by as many readers, and thrown away as they come. */
export async function fetchPages(chromaUrl: string, shard: ShardItem): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: READERS });
  const end = shard.offset + shard.records;
  let next = shard.offset;
  const read = async () => {
    while (next < end) {
      const range = { offset: next, limit: Math.min(shard.pageSize, end - next) };
      next += range.limit;
      await throwAway(agent, `${chromaUrl}${pathOf(shard)}`, { ...range, include: ALL_PARTS });
    }
  };
  try {
    await Promise.all(Array.from({ length: READERS }, read));
  } finally {
    agent.destroy();
  }
}

async function throwAway(agent: Agent, url: string, body: object): Promise<void> {
  const asked = request(url, { method: 'POST', agent, headers: { 'content-type': 'application/json' } });
  asked.end(JSON.stringify(body));
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  if (answer.statusCode !== 200) throw new Error(`Chroma answered ${answer.statusCode}`);
  answer.resume();
  await once(answer, 'end');
}

const pathOf = ({ tenant, database, collectionId }: ShardItem) =>
  `/api/v2/tenants/${tenant}/databases/${database}/collections/${collectionId}/get`;
