import pMap from 'p-map';
import type { RecordSource } from '../chroma/record-source.ts';
import type { CollectionPlan, MigrationInput, Plan, ShardItem } from '../contract.ts';
import { DimensionTooLarge } from '../errors.ts';
import { idAt, idHash } from '../shard/pages.ts';
import { collectionSettings } from './collection-settings.ts';
import { cutShards, pageSize, type ShardCut, storedRecordBytes } from './cut-shards.ts';
import { checkLayout, layoutWarnings } from './layout-warnings.ts';
import { type Look, profileCollection } from './profile.ts';
import { type SelectedCollection, selectCollections } from './select-collections.ts';

/** Collections that are looked at at the same time. */
const LOOKS_AT_A_TIME = 8;
/** Most dimensions of a pgvector column (pgvector README, "Vectors"). */
const MAX_DIMENSION = 16_000;

/** A plan and its shards; nothing of it is stored yet. */
export interface MadePlan {
  plan: Plan;
  shards: ShardItem[];
}

/** Looks at what Chroma holds and cuts it into shards. Reads only. */
export async function makePlan(
  chroma: RecordSource,
  run: string,
  options: MigrationInput,
): Promise<MadePlan> {
  const sourceVersion = await chroma.version();
  const selected = await selectCollections(chroma, options);
  const planned = await pMap(selected, (one) => planCollection(chroma, run, options, one), {
    concurrency: LOOKS_AT_A_TIME,
  });
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

async function planCollection(
  chroma: RecordSource,
  run: string,
  options: MigrationInput,
  { collection, schema }: SelectedCollection,
): Promise<{ collection: CollectionPlan; shards: ShardItem[] }> {
  const { id: collectionId, name, tenant, database } = collection;
  checkLayout({ layout: options.layout, schema });
  const address = { tenant, database, collectionId };
  const records = await chroma.count(address);
  const look = await profileCollection(chroma, address, records);
  const dimension = collection.dimension ?? null;
  if (dimension !== null && dimension > MAX_DIMENSION)
    throw new DimensionTooLarge(
      `Collection "${name}" has ${dimension} dimensions and pgvector holds at most ${MAX_DIMENSION}: leave it out with --collections.`,
    );
  const cuts = dimension === null ? [] : cutShards(records, dimension, look.profile, options.shardBytes);
  const plan: CollectionPlan = {
    ...{ tenant, database, collection: name, collectionId, schema, dimension },
    ...{ records, shards: cuts.length, profile: look.profile, indexMethod: options.index },
    layout: options.layout,
    bytes: records * storedRecordBytes(dimension ?? 0, look.profile),
    ...collectionSettings(collection),
    metadata: collection.metadata ?? null,
    configuration: collection.configuration_json ?? null,
  };
  const borders = await borderIds(chroma, address, cuts, look);
  const shards = cuts.map(
    (cut, index): ShardItem => ({
      ...{ run, tenant, database, collection: name, collectionId, schema, dimension: dimension ?? 0 },
      ...cut,
      collectionRecords: records,
      firstIdHash: borders[index]!.first,
      lastIdHash: borders[index]!.last,
      format: options.format,
      layout: options.layout,
      pageSize: pageSize(dimension ?? 1, look.profile),
    }),
  );
  return { collection: plan, shards };
}

/** Hashes of the ids at each shard's two ends. The collection's own ends are known from the profile. */
async function borderIds(
  chroma: RecordSource,
  address: { tenant: string; database: string; collectionId: string },
  cuts: ShardCut[],
  look: Look,
): Promise<{ first: string; last: string }[]> {
  const borders = cuts.map(() => ({ first: '', last: '' }));
  if (cuts.length === 0) return borders;
  borders[0]!.first = idHash(look.firstId);
  borders.at(-1)!.last = idHash(look.lastId);
  await pMap(
    cuts.slice(1),
    async ({ number, offset }) => {
      // The last id of one shard and the first of the next lie side by side.
      const page = await chroma.page(address, { offset: offset - 1, limit: 2 }, []);
      borders[number - 1]!.last = idHash(page.length > 0 ? idAt(page, 0) : null);
      borders[number]!.first = idHash(page.length > 1 ? idAt(page, 1) : null);
    },
    { concurrency: LOOKS_AT_A_TIME },
  );
  return borders;
}

/** Warnings of one kind that name a collection each; of more, one names the first and says how many there are. */
const NAMED = 10;

function warningsOf(collections: CollectionPlan[], options: MigrationInput): string[] {
  const renamed = collections.filter(
    ({ collection, schema }) => schema !== collection && options.schema === undefined,
  );
  const wide = collections.filter(({ dimension, records }) => (dimension ?? 0) > 4000 && records > 0);
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
