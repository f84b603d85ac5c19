import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { scanLines } from '../chroma/scan-lines.ts';
import type { CollectionPlan, Plan } from '../contract.ts';
import { COPY_HEADER, COPY_TRAILER } from '../copy/copy-buffer.ts';
import { ShardEncoder } from '../copy/shard-encoder.ts';
import { type CopyObject, TABLE_ROWS } from '../copy/table-rows.ts';
import type { Log } from '../log.ts';
import { incomingSchema } from '../postgres/collection-schema.ts';
import { layoutOf } from '../postgres/layouts/layouts.ts';
import { recordsQuery } from '../postgres/records.ts';
import { requireOwned } from '../postgres/schema-owners.ts';
import { nextRepairable, noteRepairs, type Repair, type RepairableReject } from './ledger.ts';
import { type RepairedRecord, repairRecord } from './repair-record.ts';

/** Records that are repaired in one transaction. */
const RECORDS_A_TRANSACTION = 500;

/**
 * Repairs the rejected records of a run that can be repaired without guessing, and puts them into the incoming tables:
 * each transaction loads the rows and notes in the ledger what was done, so that a second call finds the rest. What
 * cannot be repaired stays rejected.
 *
 * @returns how many were repaired
 */
export async function repairRejects(client: pg.Client, plan: Plan, log: Log): Promise<number> {
  const collections = new Map(plan.collections.map((collection) => [collection.schema, collection]));
  let repaired = 0;
  let after = { schema: '', offset: -1 };
  for (;;) {
    await client.query('begin');
    const rejects = await nextRepairable(client, plan.run, after, RECORDS_A_TRANSACTION);
    const last = rejects.at(-1);
    if (last) repaired += await repairSome(client, plan.run, collections.get(last.schema)!, rejects);
    await client.query('commit');
    if (!last) break;
    after = last;
  }
  if (repaired > 0) log.info('records repaired', { run: plan.run, repaired });
  return repaired;
}

async function repairSome(
  client: pg.Client,
  run: string,
  collection: CollectionPlan,
  rejects: readonly RepairableReject[],
): Promise<number> {
  const { schema, collectionId, dimension, layout } = collection;
  const { shard } = rejects[0]!;
  await requireOwned(client, run, [schema]);
  const candidates = rejects.flatMap(({ offset, record }) => {
    const repaired = repairRecord(record, collectionId);
    return repaired ? [{ offset, ...repaired }] : [];
  });
  const due = await withoutTakenIds(client, collection, candidates);
  const encoder = new ShardEncoder({ collectionId, dimension: dimension ?? 0, layout }, 'pgcopy');
  const repairs: Repair[] = [];
  const copies: Record<CopyObject, Buffer>[] = [];
  for (const { offset, json, rowId, repair } of due) {
    const page = encoder.encode(scanLines(Buffer.from(json)), offset);
    // It has another fault besides.
    if (page.rejects.length > 0) continue;
    copies.push(page.copies as Record<CopyObject, Buffer>);
    repairs.push({ offset, repair, rowId: rowId.toString('hex'), digest: page.digests.readBigInt64BE(16) });
  }
  if (repairs.length === 0) return 0;
  for (const { object, columns } of TABLE_ROWS[layout]) {
    const table = layoutOf(collection).copied[object] as string;
    const target = [incomingSchema(schema), table].map(pg.escapeIdentifier).join('.');
    const rows = copies.map((copy) => copy[object]);
    await copyRows(client, `${target} (${columns.join(', ')})`, rows);
  }
  await noteRepairs(client, { run, schema, shard }, repairs);
  return repairs.length;
}

/** An id that another record of the collection has already, or another repaired one, cannot be had by this one. */
async function withoutTakenIds<T extends RepairedRecord>(
  client: pg.Client,
  collection: CollectionPlan,
  candidates: T[],
): Promise<T[]> {
  const stored = recordsQuery(layoutOf(collection), incomingSchema(collection.schema));
  const { rows } = await client.query<{ id: string }>(
    `select source_id as id from (${stored}) stored where source_id = any ($1)`,
    [candidates.map(({ id }) => id)],
  );
  const taken = new Set(rows.map(({ id }) => id));
  return candidates.filter(({ id }) => {
    const isFree = !taken.has(id);
    taken.add(id);
    return isFree;
  });
}

async function copyRows(client: pg.Client, target: string, rows: readonly Buffer[]): Promise<void> {
  const copy = client.query(copyFrom(`copy ${target} from stdin (format binary)`));
  await pipeline(Readable.from([COPY_HEADER, ...rows, COPY_TRAILER]), copy);
}
