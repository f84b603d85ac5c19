import type { CollectionPlan, Plan } from '../contract.ts';
import { addChecksums } from '../copy/digest.ts';
import { type UpdateState, updateState } from '../delta/ledger.ts';
import type { Database } from '../postgres/database.ts';
import { type LoadedShard, shardsOf, tablesOf } from '../postgres/ledger.ts';
import { type RepairedRow, repairedRows } from '../repair/ledger.ts';
import { accountOfShards } from '../shard/shard-account.ts';
import { keys } from '../store/keys.ts';

/** What was read from Chroma and should be in the tables. */
export interface Expected {
  plan: Plan;
  collection: CollectionPlan;
  /** Of the planned records. */
  loaded: number;
  rejected: number;
  vanished: number;
  /** Numbers of all shards that were read. */
  read: readonly number[];
  /** What the tables that are looked at must hold. */
  rows: ExpectedRows;
}

export interface ExpectedRows {
  records: number;
  /** Sum of the digests of all these records modulo 2^64. */
  checksum: string;
  /** Numbers of the shards that were loaded. */
  shards: number[];
  /** Keys of the store's objects that hold the digests. */
  digests: string[];
  /** Records whose digests it has not: those that were repaired after the export. */
  repaired: readonly RepairedRow[];
}

/** What the ledger says was loaded of a collection, into which schema, and what is to become of it. */
export async function expectedOf(
  database: Database,
  plan: Plan,
  schema: string,
): Promise<Expected & { target: string; update: UpdateState }> {
  const { run } = plan;
  const collection = plan.collections.find((one) => one.schema === schema) as CollectionPlan;
  return database.withKeptClient(`verify ${run}`, async (client) => {
    const shards = await shardsOf(client, run, schema);
    const update = await updateState(client, run, schema);
    return {
      ...{ plan, collection, update, target: await tablesOf(client, run, schema) },
      ...accountOfShards(shards),
      read: shards.map(({ number }) => number),
      rows:
        update.updatesLive && update.published
          ? {
              records: update.targetRecords ?? 0,
              checksum: update.targetChecksum ?? '0',
              shards: [],
              digests: [keys.expected(run, schema)],
              repaired: [],
            }
          : { ...rowsOf(run, schema, shards), repaired: await repairedRows(client, run, schema) },
    };
  });
}

function rowsOf(run: string, schema: string, shards: readonly LoadedShard[]): Omit<ExpectedRows, 'repaired'> {
  const loaded = shards.filter(({ content }) => content === 'rows');
  const numbers = loaded.map(({ number }) => number);
  return {
    records: loaded.reduce((sum, shard) => sum + shard.loaded, 0),
    checksum: addChecksums(loaded.map(({ checksum }) => checksum)),
    shards: numbers,
    digests: numbers.map((number) => keys.digests(run, schema, number)),
  };
}
