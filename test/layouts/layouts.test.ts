/** What holds of every layout: nothing is lost, nothing goes unnoticed, and what was before comes back. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { ChromaSource } from '../../src/chroma/chroma-source.ts';
import { LAYOUTS, type LayoutName } from '../../src/contract.ts';
import { silentLog } from '../../src/log.ts';
import { MigrationInput } from '../../src/migration-input.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import { storePlan } from '../../src/plan/store-plan.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import { rollback } from '../../src/publish/rollback.ts';
import { certificateOf } from '../../src/report/certificate.ts';
import { writeReport } from '../../src/report/write-report.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { Verification } from '../../src/verify/verification.ts';
import { verifyCertificate } from '../../src/verify/verify-certificate.ts';
import { verifyLive } from '../../src/verify/verify-live.ts';
import { addAwkwardCollection } from '../fixtures/awkward-records.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { createCollection } from '../fixtures/chroma-api.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { migrateInProcess } from '../fixtures/migrate-in-process.ts';
import {
  assertSameRecords,
  type OracleRecord,
  orderedMetadata,
  recordsOfChroma,
  recordsOfPostgres,
} from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

let chroma: TestChroma;
let postgres: TestPostgres;
let client: pg.Client;
let store: string;
let ids: Record<'awkward' | 'docs', string>;

before(async () => {
  [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
  store = await temporaryFolder('layouts-');
  ids = {
    awkward: await addAwkwardCollection(chroma.url, 'awkward'),
    docs: await fillCollection(chroma.url, { name: 'docs', dimension: 16, records: 120, space: 'cosine' }),
  };
  await createCollection(chroma.url, 'never_filled');
  client = new pg.Client(postgres.url);
  await client.connect();
});
after(async () => {
  await client?.end();
  await Promise.all([chroma?.stop(), postgres?.stop()]);
});

const migrate = (run: string, layout: LayoutName, more = {}) =>
  migrateInProcess({ chroma: chroma.url, target: postgres.url, store }, run, { layout, ...more });

/** Columns of the one table of a layout, and how a record is told by them. */
const ONE_TABLE = {
  flat: { table: 'records', columns: 'id, document, metadata, uri, null as chroma' },
  langchain: {
    table: 'langchain_pg_embedding',
    columns: 'id, document, cmetadata as metadata, null as uri, chroma',
  },
  llamaindex: {
    table: 'data_awkward',
    columns: 'node_id as id, text as document, metadata_ as metadata, null as uri, chroma',
  },
};

/** As a person would read them by docs/layouts.md. */
async function recordsOf(layout: LayoutName, schema: string): Promise<Map<string, OracleRecord>> {
  if (layout === 'guide' || layout === 'shared') return recordsOfPostgres(postgres.url, schema);
  const { table, columns } = ONE_TABLE[layout];
  const { rows } = await client.query(
    `select *, metadata::text as metadata, embedding::text as embedding
       from (select ${columns}, embedding from ${schema}.${table}) t`,
  );
  return new Map(
    rows.map(({ id, document, metadata, uri, chroma: said, embedding }) => [
      id,
      {
        document: said && 'document' in said ? null : document,
        metadata: said && 'metadata' in said ? null : orderedMetadata(metadata),
        uri: uri ?? said?.uri ?? null,
        embedding: Float32Array.from(JSON.parse(embedding)),
      },
    ]),
  );
}

/** What `verify` says, whose plan knows nothing of the layout. */
async function verified(schema: string): Promise<Verification> {
  const source = new ChromaSource({ url: chroma.url });
  const context = {
    ...{ chroma: source, database: openDatabase({ url: postgres.url }), log: silentLog },
    store: await openStore(await temporaryFolder('verify-')),
  };
  try {
    const made = await makePlan(
      source,
      'verify',
      MigrationInput.parse({ collections: [schema] }),
      context.store,
    );
    await storePlan(context.store, made);
    return (await verifyLive(context, made.plan, made.shards))[0]!;
  } finally {
    await source.close();
  }
}

for (const layout of LAYOUTS.filter((one) => one !== 'guide'))
  describe(`--layout ${layout}`, () => {
    before(async () => {
      await client.query('drop schema if exists awkward, docs, never_filled cascade');
      await migrate(`run-${layout}`, layout);
    });

    it('brings every record over, bit for bit, also those that its tables have no place for', async () => {
      assertSameRecords(await recordsOf(layout, 'awkward'), await recordsOfChroma(chroma.url, ids.awkward));
    });

    it("answers with Chroma's own distances", async () => {
      const [first] = await recordsOfChroma(chroma.url, ids.docs);
      const { rows } = await client.query('select * from docs.search_nearest($1::vector, 3)', [
        `[${first![1].embedding.join()}]`,
      ]);
      assert.deepEqual([rows.length, rows[0].source_id, rows[0].content], [3, first![0], first![1].document]);
      assert.ok(Math.abs(rows[0].distance) < 1e-6, `${rows[0].distance}`);
    });

    it('makes empty tables of an empty collection', async () => {
      const { rows } = await client.query(
        `select * from never_filled.search_similar('[1, 2, 3]'::vector, 5)`,
      );
      assert.deepEqual(rows, []);
    });

    it('is known again by verify, which names what somebody has changed', async () => {
      assert.deepEqual((await verified('docs')).mismatches, []);
      const context = {
        ...{ database: openDatabase({ url: postgres.url }), log: silentLog },
        store: await openStore(store),
      };
      const { report } = await writeReport(context, { run: `run-${layout}`, status: 'succeeded' });
      const certified = () => verifyCertificate(context, certificateOf(report));
      assert.deepEqual(
        (await certified()).map(({ mismatches }) => mismatches),
        [[], [], []],
      );
      const { table, id, text } = NAMES[layout];
      await client.query('begin');
      await client.query(`update docs.${table} set ${text} = ${text} || '!' where ${id} = 'record-7'`);
      await client.query(`update docs.${table} set ${id} = 'renamed' where ${id} = 'record-8'`);
      await client.query('commit');
      const { differing, verified: isSound } = await verified('docs');
      const { missing, ...named } = differing;
      assert.deepEqual([isSound, named], [false, { changed: ['record-7'], unexpected: ['renamed'] }]);
      // Only the digest is known of a record that is gone: `verify` keeps no rows.
      assert.equal(missing.length, 1);
      const told = (await certified()).find(({ schema }) => schema === 'docs');
      assert.deepEqual(told?.differing, { ...named, missing: ['record-8'] });
    });
  });

it('is filled from JSON lines with the same', async () => {
  await client.query('drop schema if exists awkward cascade');
  await migrate('lines', 'langchain', { collections: ['awkward'], format: 'jsonl' });
  assertSameRecords(await recordsOf('langchain', 'awkward'), await recordsOfChroma(chroma.url, ids.awkward));
});

describe('a collection that comes again in another layout', () => {
  const rollBack = () => rollback(openDatabase({ url: postgres.url }), 'docs', silentLog);
  const relations = async (schema: string) =>
    (
      await client.query(
        `select relname as name from pg_class
          where relnamespace = to_regnamespace($1) and relkind in ('r', 'v') order by 1`,
        [schema],
      )
    ).rows.map(({ name }) => name);
  const ofLangchain = ['langchain_documents', 'langchain_pg_collection', 'langchain_pg_embedding'];
  const ofGuide = ['documents', 'embeddings'];
  const searched = async () =>
    (await client.query(`select * from docs.search_nearest(array_fill(0.1, array[16])::vector, 3)`)).rowCount;

  before(async () => {
    await client.query('drop schema if exists awkward, docs, never_filled cascade');
    for (const [run, layout] of [
      ['first', 'guide'],
      ['second', 'langchain'],
    ] as const)
      await migrate(run, layout, { collections: ['docs'] });
  });

  it('takes the place of the other, which is kept', async () => {
    assert.deepEqual(await relations('docs'), ofLangchain);
    assert.deepEqual(await relations('docs__previous'), ofGuide);
  });

  it('goes back and forth whole', async () => {
    for (const [live, previous] of [
      [ofGuide, ofLangchain],
      [ofLangchain, ofGuide],
    ]) {
      await rollBack();
      assert.deepEqual([await relations('docs'), await relations('docs__previous')], [live, previous]);
      assert.equal(await searched(), 3);
      assert.deepEqual((await verified('docs')).mismatches, []);
    }
  });

  it('leaves the shared tables when another is live, and comes back into them', async () => {
    const shared = async () =>
      Number((await client.query('select count(*) from shared_16_cosine.embeddings')).rows[0].count);
    await migrate('third', 'shared', { collections: ['docs'] });
    assert.equal(await shared(), 120);
    await rollBack();
    assert.deepEqual([await relations('docs'), await shared()], [ofLangchain, 0]);
    await rollBack();
    assert.deepEqual([await relations('docs'), await shared()], [ofGuide, 120]);
    await migrate('fourth', 'shared', { collections: ['docs'] });
    assert.equal(await shared(), 120);
    await rollBack();
    assert.equal(await shared(), 120);
  });

  it('is not brought back where nobody knows any more which tables it shared', async () => {
    await client.query(`delete from chroma_migration.runs where run = 'fourth'`);
    await assert.rejects(rollBack(), /The ledger has forgotten run "fourth"/);
    assert.deepEqual(await relations('docs'), ofGuide);
  });
});

describe('collections that share tables', () => {
  before(async () => {
    await client.query('drop schema if exists docs, docs__previous cascade');
    for (const name of ['one', 'two'])
      await fillCollection(chroma.url, {
        name,
        dimension: 16,
        records: 60,
        seed: name.length,
        space: 'cosine',
      });
    await migrate('sharing', 'shared', { collections: ['one', 'two'] });
  });

  it('are searched each for itself', async () => {
    const { rows } = await client.query(
      `select collection, count(*)::integer as count from shared_16_cosine.documents group by 1 order by 1`,
    );
    assert.deepEqual(rows, [
      { collection: 'one', count: 60 },
      { collection: 'two', count: 60 },
    ]);
    const query = `select * from shared_16_cosine.search_nearest('two', '[${Array(16).fill(0.1)}]'::vector, 5)`;
    const own = await client.query(
      query.replace(`shared_16_cosine.search_nearest('two', `, 'two.search_nearest('),
    );
    assert.deepEqual((await client.query(query)).rows, own.rows);
    assert.deepEqual((await client.query(query.replace("'two'", `'nobody''s %s'`))).rows, []);
  });

  it('are refused where somebody else has a schema of that name', async () => {
    await client.query('comment on schema shared_16_cosine is null');
    await assert.rejects(
      migrate('stranger', 'shared', { collections: ['one'] }),
      /Schema "shared_16_cosine", where the collections .* is not from a migration/,
    );
  });
});

const NAMES: Record<LayoutName, { table: string; id: string; text: string }> = {
  guide: { table: 'documents', id: 'source_id', text: 'content' },
  shared: { table: 'documents', id: 'source_id', text: 'content' },
  flat: { table: 'records', id: 'id', text: 'document' },
  langchain: { table: 'langchain_pg_embedding', id: 'id', text: 'document' },
  llamaindex: { table: 'data_docs', id: 'node_id', text: 'text' },
};
