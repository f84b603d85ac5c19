import pg from 'pg';
import type { CollectionPlan, Plan } from '../../src/contract.ts';
import { startIndexBuild } from '../../src/index-build/start-index-build.ts';
import { silentLog } from '../../src/log.ts';
import { MigrationInput, type MigrationRequest } from '../../src/migration-input.ts';
import { incomingSchema } from '../../src/postgres/collection-schema.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { endRun, recordVerified } from '../../src/postgres/ledger.ts';
import { prepareDatabase } from '../../src/postgres/prepare-database.ts';
import { publish } from '../../src/publish/publish.ts';
import { startTestPostgres } from '../fixtures/postgres.ts';

export interface TestTarget {
  database: Database;
  url: string;
  isEmbedded: boolean;
  stop(): Promise<void>;
  /** Runs one statement over a connection of its own and returns its rows. */
  rows<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
}

export async function startTarget(): Promise<TestTarget> {
  const { url, isEmbedded, stop } = await startTestPostgres();
  const database = openDatabase({ url });
  return {
    ...{ database, url, isEmbedded, stop },
    rows: (sql, values) =>
      database.withClient('test', async (client) => (await client.query(sql, values)).rows),
  };
}

/** A collection of four dimensions, except for what is said otherwise. */
export function collectionPlan(different: Partial<CollectionPlan> = {}): CollectionPlan {
  const name = different.collection ?? different.schema ?? 'docs';
  return {
    tenant: 'default_tenant',
    database: 'default_database',
    collection: name,
    collectionId: '6a3f4c52-2e0b-4dd7-9a55-0d4f5f0f6a11',
    schema: name,
    dimension: 4,
    space: 'l2',
    records: 10,
    shards: 1,
    bytes: 1000,
    hnsw: { m: 16, efConstruction: 64, efSearch: 100 },
    indexMethod: 'hnsw',
    layout: 'guide',
    model: null,
    metadata: null,
    configuration: {},
    profile: {
      sampled: 0,
      averageDocumentBytes: 0,
      averageMetadataBytes: 0,
      averageIdBytes: 0,
      metadataKeys: [],
    },
    ...different,
  };
}

export const planOf = (
  run: string,
  collections: CollectionPlan[] = [collectionPlan()],
  options: MigrationRequest = {},
): Plan => ({
  version: 1,
  run,
  createdAt: '2026-11-20T09:15:00Z',
  source: 'http://localhost:8000',
  sourceVersion: '1.4.4',
  options: MigrationInput.parse(options),
  collections,
  warnings: [],
});

export const prepare = ({ database }: TestTarget, plan: Plan) => prepareDatabase(database, plan, silentLog);

/**
 * Fills a collection's incoming tables with `records` rows whose content and model both are `version`, so that a
 * reader can tell from each row which version it belongs to. Vectors repeat themselves for the same seed.
 */
export async function load(
  { database }: TestTarget,
  { schema, dimension, records }: CollectionPlan,
  version = 'v1',
): Promise<void> {
  const incoming = pg.escapeIdentifier(incomingSchema(schema));
  await database.withClient('test', async (client) => {
    await client.query('begin');
    await client.query('select setseed(0.5)');
    await client.query(
      `insert into ${incoming}.documents (id, source_id, content, metadata)
       select md5(n::text)::uuid, 'record ' || n, $2, jsonb_build_object('n', n) from generate_series(1, $1::integer) n`,
      [records, version],
    );
    await client.query(
      `insert into ${incoming}.embeddings (id, document_id, embedding, model)
       select md5(n::text)::uuid, md5(n::text)::uuid,
              (select array_agg(random() - 0.5) from generate_series(1, $2::integer) where n = n)::vector, $3
         from generate_series(1, $1::integer) n`,
      [records, dimension, version],
    );
    await client.query('commit');
  });
}

/** Says in the ledger that a run's collections were verified. */
export const verified = ({ database }: TestTarget, plan: Plan) =>
  database.withClient('test', async (client) => {
    for (const { schema } of plan.collections)
      await recordVerified(client, { run: plan.run, schema, sourceChecksum: '0', targetChecksum: '0' });
  });

/** Builds indexes with patience enough for all of them. */
export const index = ({ database }: TestTarget, plan: Plan, schema = plan.collections[0]!.schema) =>
  startIndexBuild({ database, log: silentLog, patienceMilliseconds: 60_000 }, plan, {
    ...{ run: plan.run, schema, collection: schema, looks: 0 },
  });

/** The whole way of a run at the target: its tables are live afterwards. */
export async function migrate(target: TestTarget, plan: Plan, version = plan.run): Promise<void> {
  await prepare(target, plan);
  for (const collection of plan.collections) {
    await load(target, collection, version);
    await index(target, plan, collection.schema);
  }
  await verified(target, plan);
  await publish(target.database, plan.run, silentLog);
  await target.database.withClient('test', (client) => endRun(client, plan.run, 'succeeded', null));
}
