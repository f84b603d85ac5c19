/** The vector stores of npm find migrated records by their own searches and filters: docs/layouts.md has their lines. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PGVectorStore as LangChainStore } from '@langchain/community/vectorstores/pgvector';
import { Embeddings } from '@langchain/core/embeddings';
import { BaseEmbedding } from '@llamaindex/core/embeddings';
import { FilterOperator, type MetadataFilter, VectorStoreQueryMode } from '@llamaindex/core/vector-store';
import { PGVectorStore as LlamaIndexStore } from '@llamaindex/postgres';
import pg from 'pg';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { migrateInProcess } from '../fixtures/migrate-in-process.ts';
import { type OracleRecord, recordsOfChroma } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { nearestByCosine } from './nearest.ts';

const DIMENSION = 16;
/** A record with its nine neighbours in this file, by metadata. */
const FILE = 'src/file-4.ts';

let chroma: TestChroma;
let postgres: TestPostgres;
let records: Map<string, OracleRecord>;
let query: number[];

before(async () => {
  [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
  const id = await fillCollection(chroma.url, {
    ...{ name: 'docs', dimension: DIMENSION, records: 200, space: 'cosine' },
    // Both libraries answer with a text, also where Chroma has none.
    documents: (index) => (index === 44 ? null : `Document ${index}`),
  });
  records = await recordsOfChroma(chroma.url, id);
  query = [...records.get('record-17')!.embedding];
});
after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

const migrate = async (layout: 'flat' | 'langchain' | 'llamaindex') =>
  migrateInProcess(
    { chroma: chroma.url, target: postgres.url, store: await temporaryFolder('clients-') },
    ...([`run-${layout}`, { layout }] as const),
  );

const nearest = (count: number, isWanted?: (id: string) => boolean) =>
  nearestByCosine(records, query, count, isWanted);
const inFile = (id: string) => records.get(id)!.metadata!.includes(FILE);
const isLate = (id: string) => Number(id.replace('record-', '')) % 10 >= 7;

class QueryEmbeddings extends Embeddings {
  override embedQuery = async () => query;
  override embedDocuments = async (texts: string[]) => texts.map(() => query);
}

describe("LangChain's PGVectorStore", () => {
  for (const [layout, table] of Object.entries({
    langchain: {
      tableName: 'langchain_pg_embedding',
      collectionTableName: 'langchain_pg_collection',
      collectionName: 'docs',
      columns: {
        idColumnName: 'id',
        vectorColumnName: 'embedding',
        contentColumnName: 'document',
        metadataColumnName: 'cmetadata',
      },
    },
    flat: { tableName: 'records', columns: { contentColumnName: 'document' } },
  }))
    it(`finds what --layout ${layout} brought, by its filters too`, async () => {
      await migrate(layout as 'flat' | 'langchain');
      const postgresConnectionOptions = { connectionString: postgres.url };
      const store = await LangChainStore.initialize(new QueryEmbeddings({}), {
        ...{ postgresConnectionOptions, schemaName: 'docs', ...table },
      });
      try {
        const search = async (filter?: LangChainStore['FilterType']) =>
          (await store.similaritySearch('what the query says', 5, filter)).map(({ id }) => id);
        assert.deepEqual(await search(), nearest(5));
        assert.deepEqual(await search({ file_path: FILE }), nearest(5, inFile));
        assert.deepEqual(await search({ chunk_index: { gte: 7 } }), nearest(5, isLate));
        const [[document, distance]] = (await store.similaritySearchWithScore('…', 1)) as [
          [{ pageContent: string; metadata: Record<string, unknown> }, number],
        ];
        assert.equal(document.pageContent, 'Document 17');
        assert.deepEqual([document.metadata.file_path, document.metadata.chunk_index], ['src/file-1.ts', 7]);
        assert.ok(Math.abs(distance) < 1e-6);
        // What the application adds from now on is found beside what was migrated.
        await store.addDocuments([{ pageContent: 'new', metadata: { file_path: 'new.ts' } }], {
          ids: ['11111111-1111-4111-8111-111111111111'],
        });
        assert.deepEqual(await search({ file_path: 'new.ts' }), ['11111111-1111-4111-8111-111111111111']);
      } finally {
        await store.end();
      }
    });
});

class LlamaIndexEmbeddings extends BaseEmbedding {
  // biome-ignore lint/complexity/noUselessConstructor: the base's is protected
  constructor() {
    super();
  }
  override getTextEmbedding = async () => query;
}

describe("LlamaIndex' PGVectorStore", () => {
  it('finds what --layout llamaindex brought, by its filters too', async () => {
    await migrate('llamaindex');
    const client = new pg.Client(postgres.url);
    await client.connect();
    try {
      const store = new LlamaIndexStore({
        ...{ client, shouldConnect: false, schemaName: 'docs', dimensions: DIMENSION, performSetup: false },
        embedModel: new LlamaIndexEmbeddings(),
      });
      const search = async (filters: MetadataFilter[] = []) =>
        (
          await store.query({
            ...{ queryEmbedding: query, similarityTopK: 5, mode: VectorStoreQueryMode.DEFAULT },
            filters: { filters },
          })
        ).ids;
      assert.deepEqual(await search(), nearest(5));
      assert.deepEqual(
        await search([{ key: 'file_path', value: FILE, operator: FilterOperator.EQ }]),
        nearest(5, inFile),
      );
      assert.deepEqual(
        await search([{ key: 'chunk_index', value: 7, operator: FilterOperator.GTE }]),
        nearest(5, isLate),
      );
    } finally {
      await client.end();
    }
  });
});
