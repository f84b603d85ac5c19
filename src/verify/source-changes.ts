import type { RecordSource } from '../chroma/record-source.ts';
import type { CollectionPlan } from '../contract.ts';
import { CopyBuffer } from '../copy/copy-buffer.ts';
import { StoreRefused } from '../errors.ts';
import { listIds } from '../plan/list-ids.ts';
import { hashOfLists, readShardIds } from '../shard/shard-ids.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';

/** Ids of each kind that are listed; the count is of all. */
const LISTED = 1000;

export interface ChangedIds {
  count: number;
  /** The first thousand. */
  ids: string[];
}

/** What became of the source since a run listed its ids: `runs/<run>/changes/<schema>.json`. */
export interface SourceChanges {
  schema: string;
  /** Ids that Chroma holds now. */
  records: number;
  added: ChangedIds;
  deleted: ChangedIds;
  /** Deleted and added again under the same id. A record that was changed in its place has the same id in the same place. */
  rewritten: ChangedIds;
}

/**
 * Lists the ids that Chroma holds now and compares them with those of the run's plan. Both lists are in Chroma's order,
 * so they are read side by side, and memory holds only what differs.
 */
export async function findSourceChanges(
  chroma: RecordSource,
  store: ShardStore,
  run: string,
  collection: CollectionPlan,
): Promise<SourceChanges> {
  const planned = plannedIds(store, run, collection);
  const added = new Set<string>();
  const deleted = new Set<string>();
  let records = 0;
  let next = await planned.next();
  for await (const ids of listIds(chroma, collection, await chroma.count(collection))) {
    records += ids.length;
    for (const id of ids) {
      while (!next.done && !next.value.equals(id)) {
        deleted.add(next.value.toString('latin1'));
        next = await planned.next();
      }
      if (next.done) added.add(id.toString('latin1'));
      else next = await planned.next();
    }
  }
  for (; !next.done; next = await planned.next()) deleted.add(next.value.toString('latin1'));
  const [rewritten, onlyAdded] = partition(added, deleted);
  const [, onlyDeleted] = partition(deleted, added);
  return {
    schema: collection.schema,
    records,
    added: changedIds(onlyAdded),
    deleted: changedIds(onlyDeleted),
    rewritten: changedIds(rewritten),
  };
}

async function* plannedIds(
  store: ShardStore,
  run: string,
  { schema, shards, idsHash }: CollectionPlan,
): AsyncGenerator<Buffer, undefined> {
  const hashes: string[] = [];
  const lines = new CopyBuffer();
  for (let number = 0; number < shards; number++) {
    const ids = await readShardIds(store, { run, schema, number }, lines);
    hashes.push(ids.hash);
    yield* ids;
  }
  // Before anything is said of them: a bit that fell over would be a record deleted and another added.
  if (idsHash !== undefined && hashOfLists(hashes) !== idsHash)
    throw new StoreRefused(
      `The store's lists of ids beside ${store.urlOf(keys.ids(run, schema, 0))} are not what was written: start a new run.`,
    );
}

/** Those of `all` that are among the others too, and those that are not. */
function partition(all: ReadonlySet<string>, others: ReadonlySet<string>): [string[], string[]] {
  const { both = [], only = [] } = Object.groupBy(all, (one) => (others.has(one) ? 'both' : 'only'));
  return [both, only];
}

const changedIds = (texts: string[]): ChangedIds => ({
  count: texts.length,
  ids: texts
    .slice(0, LISTED)
    .map((text) => JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) as string),
});
