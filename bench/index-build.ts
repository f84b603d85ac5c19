import pg from 'pg';
import type { CollectionPlan } from '../src/contract.ts';
import { collectionSchema } from '../src/postgres/collection-schema.ts';
import type { IndexDefinition } from '../src/postgres/index-definition.ts';
import { atMost, count, duration, type Figure } from './figure.ts';
import { inTurns, secondsOf } from './in-turns.ts';
import { loadCollection } from './loaded-collection.ts';
import type { Collection, Setting } from './setting.ts';

/** Helpers of the backend that builds. */
const WORKERS_TRIED = [0, 1, 2, 3, 7];
/** Both have room for either collection's graph. What helpers share is set aside as a whole, which takes its time. */
const MEMORY_TRIED = ['128MB', '2GB'];
const ROUNDS = 3;

/**
 * The product's build of the HNSW index beside CREATE INDEX by hand on the same rows. By hand the whole graph has room,
 * and each number of helpers is tried with little and with much memory: the quickest stays. The product's time includes its connection, its looks at the
 * catalogue, and its entries in the ledger.
 */
export async function measureIndexBuild(setting: Setting, collection: Collection): Promise<Figure> {
  const { plan, schema, build } = await loadCollection(setting, `index-${collection.dimension}`, collection);
  const index = hnswOf(plan.collections[0]!, schema);
  return setting.database.withClient('bench', async (client) => {
    // No helper comes for a table that looks small because its vectors lie beside it.
    await client.query('set min_parallel_table_scan_size = 0');
    const name = [schema, index.name].map(pg.escapeIdentifier).join('.');
    const byHand = async ({ memory, workers }: { memory: string; workers: number }) => {
      await client.query(`drop index ${name}`);
      await client.query(
        `set maintenance_work_mem = '${memory}'; set max_parallel_maintenance_workers = ${workers}`,
      );
      return secondsOf(() => client.query(index.ddl));
    };
    const tried: { memory: string; workers: number; seconds: number }[] = [];
    for (const memory of MEMORY_TRIED)
      for (const workers of WORKERS_TRIED)
        tried.push({ memory, workers, seconds: await byHand({ memory, workers }) });
    const best = tried.toSorted((a, b) => a.seconds - b.seconds)[0]!;
    const seconds = await inTurns(
      {
        async built() {
          await client.query(`drop index ${name}`);
          return secondsOf(build);
        },
        byHand: () => byHand(best),
      },
      ROUNDS,
    );
    const others = MEMORY_TRIED.map((memory) => {
      const own = tried.filter((one) => one.memory === memory);
      return `${memory} ${own.map((one) => `${one.workers}: ${duration(one.seconds)}`).join(', ')}`;
    }).join('; ');
    const ratio = seconds.built / seconds.byHand;
    return {
      what: `HNSW index, ${count(collection.records)} records of ${count(collection.dimension)} dimensions`,
      product: duration(seconds.built),
      beside: `${duration(seconds.byHand)} by hand with ${best.workers} helpers and ${best.memory}, the best of those tried (${others})`,
      ratio,
      goal: atMost(1.05, ratio),
      headline: true,
    };
  });
}

function hnswOf(plan: CollectionPlan, schema: string): IndexDefinition {
  const index = collectionSchema(plan, schema).indexes.find(({ ddl }) => /using hnsw/i.test(ddl));
  if (!index) throw new Error(`${plan.collection} has no HNSW index`);
  return index;
}
