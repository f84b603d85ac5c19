import pMap from 'p-map';
import type { RecordSource } from '../chroma/record-source.ts';
import type { CollectionPlan, Plan, ShardItem } from '../contract.ts';
import { DimensionTooLarge } from '../errors.ts';
import { type Log, reportProgress, silentLog } from '../log.ts';
import type { MigrationInput } from '../migration-input.ts';
import { hashOfLists, type Ids, ShardIdsWriter } from '../shard/shard-ids.ts';
import { Ticker } from '../shard/ticker.ts';
import type { ShardStore } from '../store/store.ts';
import { collectionSettings } from './collection-settings.ts';
import { cutShards, pageSize, type ShardCut, shardRecords, storedRecordBytes } from './cut-shards.ts';
import { checkLayout, layoutWarnings } from './layout-warnings.ts';
import { listIds } from './list-ids.ts';
import { lookAtCollection } from './profile.ts';
import { type SelectedCollection, selectCollections } from './select-collections.ts';
import { sparseColumns } from './sparse-columns.ts';

/** Collections that are looked at at the same time. */
const LOOKS_AT_A_TIME = 8;
/** Most dimensions of a pgvector column (pgvector README, "Vectors"). */
const MAX_DIMENSION = 16_000;

/** A plan and its shards; of both nothing is stored yet but the shards' ids. */
export interface MadePlan {
  plan: Plan;
  shards: ShardItem[];
}

/**
 * Looks at what Chroma holds and cuts it into shards. Reads only.
 * @param store takes the ids of each shard; without one they are not listed, and the shards are an estimate
 */
export async function makePlan(
  chroma: RecordSource,
  run: string,
  options: MigrationInput,
  store: ShardStore | null,
  log: Log = silentLog,
): Promise<MadePlan> {
  const sourceVersion = await chroma.version();
  const selected = await selectCollections(chroma, options);
  let seen = 0;
  const ticker = new Ticker(() =>
    reportProgress(log, { phase: 'plan', collections: seen, of: selected.length }),
  );
  const planned = await pMap(
    selected,
    async (one) => {
      const made = await planCollection({ chroma, store }, run, options, one);
      seen++;
      ticker.tick();
      return made;
    },
    { concurrency: LOOKS_AT_A_TIME },
  );
  const plan: Plan = {
    version: 1,
    run,
    createdAt: new Date().toISOString(),
    source: chroma.origin,
    sourceVersion,
    options,
    collections: planned.map(({ collection }) => collection),
    warnings: warningsOf(
      planned.map(({ collection }) => collection),
      options,
    ),
  };
  return { plan, shards: planned.flatMap(({ shards }) => shards) };
}

interface PlanContext {
  chroma: RecordSource;
  store: ShardStore | null;
}

/** A shard's place in its collection, and the hash of its ids. */
type ListedCut = ShardCut & { idsHash: string };

async function planCollection(
  { chroma, store }: PlanContext,
  run: string,
  options: MigrationInput,
  { collection, schema }: SelectedCollection,
): Promise<{ collection: CollectionPlan; shards: ShardItem[] }> {
  const { id: collectionId, name, tenant, database } = collection;
  checkLayout({ layout: options.layout, schema });
  const address = { tenant, database, collectionId };
  const counted = await chroma.count(address);
  const { profile, ids } = await lookAtCollection(chroma, address, counted);
  const dimension = collection.dimension ?? null;
  if (dimension !== null && dimension > MAX_DIMENSION)
    throw new DimensionTooLarge(
      `Collection "${name}" has ${dimension} dimensions and pgvector holds at most ${MAX_DIMENSION}: leave it out with --collections.`,
    );
  const place = { run, schema };
  const size = shardRecords(counted, dimension ?? 1, profile, options.shardBytes);
  // Once, since memory that doubles leaves as much behind; what was not sampled may be longer.
  const idBytes = Math.ceil(1.1 * Math.min(size, counted) * (profile.averageIdBytes + 1));
  const cuts =
    dimension === null
      ? []
      : store
        ? await storeShards(store, place, ids ? [ids] : listIds(chroma, address, counted), size, idBytes)
        : cutShards(counted, dimension, profile, options.shardBytes).map((cut) => ({ ...cut, idsHash: '' }));
  const records = cuts.reduce((sum, cut) => sum + cut.records, 0);
  const plan: CollectionPlan = {
    ...{ tenant, database, collection: name, collectionId, schema, dimension },
    ...{ records, shards: cuts.length, profile, indexMethod: options.index },
    ...(store && { idsHash: hashOfLists(cuts.map(({ idsHash }) => idsHash)) }),
    ...{ layout: options.layout, sparseColumns: sparseColumns(options, name) },
    bytes: records * storedRecordBytes(dimension ?? 0, profile),
    ...collectionSettings(collection),
    metadata: collection.metadata ?? null,
    ...(collection.metadataText !== undefined && { metadataText: collection.metadataText }),
    configuration: collection.configuration_json ?? null,
    ...(collection.configurationText !== undefined && { configurationText: collection.configurationText }),
  };
  const shards = cuts.map(
    (cut): ShardItem => ({
      ...{ run, tenant, database, collection: name, collectionId, schema, dimension: dimension ?? 0 },
      ...cut,
      content: options.updateExisting ? 'digests' : 'rows',
      byIds: false,
      format: options.format,
      layout: options.layout,
      pageSize: pageSize(dimension ?? 1, profile),
    }),
  );
  return { collection: plan, shards };
}

/**
 * Stores the collection's ids, so many a shard: from here on a shard is these records and no others.
 * @param capacity bytes that a shard's ids may take
 */
async function storeShards(
  store: ShardStore,
  place: { run: string; schema: string },
  listed: AsyncIterable<Ids> | Ids[],
  size: number,
  capacity: number,
): Promise<ListedCut[]> {
  const cuts: ListedCut[] = [];
  const waiting = new ShardIdsWriter(capacity);
  const cut = async () => {
    const number = cuts.length;
    const records = waiting.length;
    const idsHash = await waiting.write(store, { ...place, number });
    cuts.push({ number, offset: number * size, records, idsHash });
  };
  for await (const ids of listed)
    for (const id of ids) {
      waiting.add(id);
      if (waiting.length === size) await cut();
    }
  if (waiting.length > 0) await cut();
  return cuts;
}

/** Warnings of one kind that name a collection each; of more, one names the first and says how many there are. */
const NAMED = 10;

function warningsOf(collections: CollectionPlan[], options: MigrationInput): string[] {
  const renamed = collections.filter(
    ({ collection, schema }) => schema !== collection && options.schema === undefined,
  );
  const wide = collections.filter(({ dimension, records }) => (dimension ?? 0) > 4000 && records > 0);
  const single = collections.filter(({ dimension }) => dimension === 1 && options.index === 'ivfflat');
  return [
    ...warnings(renamed, ({ collection, schema }, others) =>
      others === 0
        ? `Collection "${collection}" goes to schema "${schema}": its name is no plain identifier.`
        : `${others + 1} collections have names that are no plain identifiers, and go to schemas with others (for one "${collection}" to "${schema}"): plan.json has them all.`,
    ),
    ...warnings(wide, ({ collection, dimension }, others) => {
      const more = others === 0 ? '' : `, like ${others} others,`;
      return `Collection "${collection}" has ${dimension} dimensions${more} and an HNSW index holds 4,000 (as halfvec): it is searched through binary quantisation with re-ranking.`;
    }),
    ...warnings(single, ({ collection }, others) => {
      const more = others === 0 ? '' : `, like ${others} others,`;
      return `Collection "${collection}" has one dimension${more} and pgvector has no ivfflat index of one: its index will be HNSW.`;
    }),
    ...collections.flatMap(layoutWarnings),
  ];
}

/** @param sentence says it of one collection, and how many others it is true of */
function warnings(
  collections: CollectionPlan[],
  sentence: (collection: CollectionPlan, others: number) => string,
): string[] {
  const [first, ...others] = collections;
  if (first && others.length >= NAMED) return [sentence(first, others.length)];
  return collections.map((collection) => sentence(collection, 0));
}
