import pg from 'pg';
import type { Plan, ShardItem } from '../contract.ts';
import { recordUuid, uuidBytes } from '../copy/record-id.ts';
import { incomingSchema } from '../postgres/collection-schema.ts';
import { readShardIds, ShardIdsWriter } from '../shard/shard-ids.ts';
import { readJson } from '../store/json.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import type { ChangedIds } from '../verify/source-changes.ts';
import { digestsWithIds } from './live-digests.ts';

/** Ids of each kind that are listed; the count is of all. */
const LISTED = 1000;

/** By what a collection in Chroma differs from its live tables: `runs/<run>/delta/<schema>.json`. */
export interface Delta {
  schema: string;
  unchanged: number;
  added: ChangedIds;
  changed: ChangedIds;
  /** In the live tables and no longer in Chroma. */
  missing: ChangedIds;
  /** What is added or changed, to be read once more and loaded. */
  shards: ShardItem[];
}

/** null if the pass has not come to it. @throws StoreRefused if it is no JSON any more */
export const readDelta = (store: ShardStore, run: string, schema: string): Promise<Delta | null> =>
  readJson<Delta>(store, keys.delta(run, schema), 'start a new run');

/**
 * Compares the digests that were read from Chroma with those of the live tables, keeps what differs beside the incoming
 * tables, and cuts what is to be moved into shards of its own. Does so once: a second call finds the first one's.
 *
 * @param shards those whose digests are in
 * @param live whether there are live tables; without them all is new
 */
export async function findDifferences(
  client: pg.Client,
  store: ShardStore,
  plan: Plan,
  { schema, shards, live }: { schema: string; shards: readonly ShardItem[]; live: boolean },
): Promise<Delta> {
  const incoming = pg.escapeIdentifier(incomingSchema(schema));
  const { rows } = await client.query<{ known: boolean }>('select to_regclass($1) is not null as known', [
    `${incoming}.differing`,
  ]);
  const known = rows[0]?.known ? await readDelta(store, plan.run, schema) : null;
  if (known) return known;
  await client.query('begin');
  await client.query(
    `drop table if exists ${incoming}.differing;
     create table ${incoming}.differing as
       select coalesce(s.id, l.id) as id, l.source_id, s.shard, s.digest as source_digest, l.digest as live_digest
         from ${incoming}.source_digests s
         full join (${live ? digestsWithIds(schema) : 'select null::uuid as id, null::text as source_id, null::bigint as digest limit 0'}) l on l.id = s.id
        where s.digest is distinct from l.digest`,
  );
  const wanted = await cutDelta(client, store, plan, { schema, shards });
  const delta: Delta = { ...(await count(client, incoming)), ...wanted, schema };
  await store.writeText(keys.delta(plan.run, schema), JSON.stringify(delta));
  // Last, so that a table that is there means a delta that is stored.
  await client.query('commit');
  return delta;
}

async function count(
  client: pg.Client,
  incoming: string,
): Promise<Pick<Delta, 'unchanged' | 'changed' | 'missing'>> {
  const { rows } = await client.query<{ unchanged: number; changed: number; missing: number }>(
    `select (select count(*) from ${incoming}.source_digests) - count(source_digest) as unchanged,
            count(*) filter (where source_digest is not null and live_digest is not null) as changed,
            count(*) filter (where source_digest is null) as missing
       from ${incoming}.differing`,
  );
  const { unchanged, changed, missing } = rows[0]!;
  const named = async (isMissing: boolean) => {
    const names = await client.query<{ id: string }>(
      `select source_id as id from ${incoming}.differing
        where live_digest is not null and (source_digest is null) = $1 order by 1 limit ${LISTED}`,
      [isMissing],
    );
    return names.rows.map(({ id }) => id);
  };
  return {
    unchanged,
    changed: { count: changed, ids: await named(false) },
    missing: { count: missing, ids: await named(true) },
  };
}

/** The ids of what is to be moved, shard by shard of the plan, in shards that are as large as those at most. */
async function cutDelta(
  client: pg.Client,
  store: ShardStore,
  plan: Plan,
  { schema, shards }: { schema: string; shards: readonly ShardItem[] },
): Promise<Pick<Delta, 'shards' | 'added'>> {
  const incoming = pg.escapeIdentifier(incomingSchema(schema));
  const cuts: ShardItem[] = [];
  const added: ChangedIds = { count: 0, ids: [] };
  const [first] = shards;
  if (!first) return { shards: cuts, added };
  const records = plan.collections.find((one) => one.schema === schema)!.records;
  const waiting = new ShardIdsWriter();
  let moved = 0;
  const cut = async () => {
    const ids = waiting.length;
    const number = shards.length + cuts.length;
    const idsHash = await waiting.write(store, { run: plan.run, schema, number });
    // Behind all that the plan lists, so that no two rejects have the same place.
    const place = { number, offset: records + moved, records: ids, idsHash };
    cuts.push({ ...first, ...place, content: 'rows', byIds: true });
    moved += ids;
  };
  for (const shard of shards) {
    const { rows } = await client.query<{ id: string; added: boolean }>(
      `select id, live_digest is null as added from ${incoming}.differing where shard = $1`,
      [shard.number],
    );
    if (rows.length === 0) continue;
    const wanted = new Map(rows.map((row) => [row.id.replaceAll('-', ''), row.added]));
    const namespace = uuidBytes(shard.collectionId);
    for (const text of await readShardIds(store, shard)) {
      const id = JSON.parse(text.toString('utf8')) as string;
      const isAdded = wanted.get(recordUuid(Buffer.from(id), namespace).toString('hex'));
      if (isAdded === undefined) continue;
      waiting.add(text);
      if (isAdded && ++added.count <= LISTED) added.ids.push(id);
      if (waiting.length === first.records) await cut();
    }
  }
  if (waiting.length > 0) await cut();
  return { shards: cuts, added };
}
