/** Collections of every shape that a server has: names, tenants and databases, no records yet, the most dimensions. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { MigrationRequest } from '../../src/migration-input.ts';
import type { RunReport } from '../../src/report/report.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { addRecords, collectionId, createCollection, type Place, sendText } from '../fixtures/chroma-api.ts';
import { mulberry32 } from '../fixtures/clustered-vectors.ts';
import { reportInProcess } from '../fixtures/migrate-in-process.ts';
import { assertSameRecords, recordsOfChroma } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { psql, recordsByPsql } from '../fixtures/psql.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

/** Chroma's longest, those that differ in case, in punctuation or behind 63 bytes only, and words of SQL. */
const NAMES = [
  `${'n'.repeat(511)}0`,
  ...['docs', 'Docs', 'DOCS', 'd-ocs', 'd.ocs', 'd_ocs'],
  ...[`${'long-'.repeat(15)}1`, `${'long-'.repeat(15)}2`],
  ...['select', 'SELECT', 'user', 'table', 'order', 'null', 'public', 'pg_catalog', 'chroma_migration'],
];
const PLACES: Required<Place>[] = [
  { tenant: 'default_tenant', database: 'default_database' },
  { tenant: 'default_tenant', database: 'archive' },
  { tenant: 'acme', database: 'archive' },
];

describe('collections of every shape', {
  skip: !process.env.DATABASE_URL && 'needs a native server',
}, () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let store: string;
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    store = await temporaryFolder('many-shapes-');
    await post('/api/v2/tenants', { name: 'acme' });
    await post('/api/v2/tenants/default_tenant/databases', { name: 'archive' });
    await post('/api/v2/tenants/acme/databases', { name: 'archive' });
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  async function post(path: string, body: object): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const made = await fetch(chroma.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    assert.ok(made.ok, await made.text());
  }
  async function migrate(run: string, request: MigrationRequest, target = postgres): Promise<RunReport> {
    const report = await reportInProcess({ chroma: chroma.url, target: target.url, store }, run, request);
    assert.equal(report.error, null);
    return report;
  }
  /** A collection's schemas by its place, each with the one document that says where it is from. */
  async function held(target: TestPostgres, { collections }: RunReport): Promise<string[]> {
    const said: string[] = [];
    for (const { plan } of collections) {
      const rows = await psql(target.url, `select content from "${plan.schema}".documents`);
      assert.deepEqual(rows, [[`${plan.tenant}/${plan.database}/${plan.collection}`]]);
      said.push(rows[0]![0]!);
    }
    return said.sort();
  }

  describe('by their names, in several tenants and databases', () => {
    const all: string[] = [];
    before(async () => {
      for (const place of PLACES)
        for (const name of NAMES) {
          const document = `${place.tenant}/${place.database}/${name}`;
          all.push(document);
          const made = await sendText(chroma.url, 'POST', '', JSON.stringify({ name }), place);
          const { id } = JSON.parse(made.text);
          const body = { ids: ['it'], embeddings: [[1, 2]], documents: [document] };
          const added = await sendText(chroma.url, 'POST', `/${id}/add`, JSON.stringify(body), place);
          assert.equal(added.status, 201, added.text);
        }
      all.sort();
    });

    it('arrive all in one run, each in a schema of its own', async () => {
      const report = await migrate('all', { tenants: ['default_tenant', 'acme'], sampleSize: 0 });
      assert.deepEqual(await held(postgres, report), all);
      assert.equal(new Set(report.collections.map(({ plan }) => plan.schema)).size, all.length);
    });

    it('arrive alone where a tenant, a database or a collection is named', async () => {
      const target = await startTestPostgres();
      const only = async (request: MigrationRequest) =>
        held(
          target,
          await migrate(`only-${Object.keys(request).length}`, { ...request, sampleSize: 0 }, target),
        );
      const of = (prefix: string) => all.filter((document) => document.startsWith(prefix));
      assert.deepEqual(await only({ tenants: ['acme'] }), of('acme/'));
      assert.deepEqual(await only({ databases: ['archive'], collections: ['Docs'], schema: 'chosen' }), [
        'default_tenant/archive/Docs',
      ]);
      await target.stop();
    });
  });

  it('without a record, and with all that Chroma says of them, are in the ledger', async () => {
    const embedding_function = {
      ...{ type: 'known', name: 'openai' },
      config: { model_name: 'text-embedding-3-small', api_key_env_var: 'KEY', dimensions: 3 },
    };
    const body = {
      name: 'not-yet',
      metadata: { 'hnsw:space': 'cosine', 'hnsw:M': 7, purpose: 'it\'s "quoted" \u{1f600}', weight: 1.5 },
      configuration: { embedding_function },
    };
    const { status, text } = await sendText(chroma.url, 'POST', '', JSON.stringify(body));
    assert.equal(status, 200, text);
    const [not] = (await migrate('not-yet', { collections: ['not-yet'] })).collections;
    assert.deepEqual(
      [not?.plan.dimension, not?.plan.space, not?.plan.hnsw.m, not?.plan.model, not?.published],
      [null, 'cosine', 7, 'text-embedding-3-small', true],
    );
    const [[metadata, configuration] = []] = await psql(
      postgres.url,
      `select metadata, configuration from chroma_migration.collections where run = 'not-yet'`,
    );
    assert.deepEqual(JSON.parse(metadata!), body.metadata);
    assert.deepEqual(JSON.parse(configuration!), JSON.parse(text).configuration_json);
    assert.deepEqual(JSON.parse(configuration!).embedding_function, embedding_function);
    assert.deepEqual(await psql(postgres.url, `select * from "${not?.plan.schema}".documents`), []);
  });

  it('have their own metadata in the ledger to the last digit, under the very keys', async () => {
    // V8 takes "\\t" and "\\n" for "\\\\" where it has read that one first.
    const metadata = String.raw`{"large": 9007199254740993, "one": 1.0, "\\": 0, "\t": 2, "\n": 3, "a\\": 4, "a\t": 5}`;
    const { status, text } = await sendText(
      chroma.url,
      'POST',
      '',
      `{"name":"exact","metadata":${metadata}}`,
    );
    assert.equal(status, 200, text);
    await migrate('exact', { collections: ['exact'] });
    const [[kept] = []] = await psql(
      postgres.url,
      `select string_agg(key || '=' || value, '|' order by value::numeric) from jsonb_each_text(
         (select metadata from chroma_migration.collections where run = 'exact'))`,
    );
    assert.equal(kept, '\\=0|one=1.0|\t=2|\n=3|a\\=4|a\t=5|large=9007199254740993');
  });

  for (const dimension of [1, 2000, 2001, 4000, 4001, 16_000])
    it(`of ${dimension} dimension${dimension > 1 ? 's' : ''} arrive to the bit, zero vectors too`, async () => {
      const next = mulberry32(dimension);
      const vector = () => Float32Array.from({ length: dimension }, () => next() * 2 - 1);
      const sent = [vector(), vector(), new Float32Array(dimension), vector()];
      const records = { ids: ['a', 'b', 'zero', 'c'], embeddings: sent.map((one) => [...one]) };
      const names = { l2: `wide_${dimension}`, cosine: `round_${dimension}` };
      for (const [space, name] of Object.entries(names))
        await addRecords(chroma.url, await createCollection(chroma.url, name, { space }), records);
      const { warnings } = await migrate(names.l2, { collections: Object.values(names) });
      for (const name of Object.values(names)) {
        const told = await recordsOfChroma(chroma.url, await collectionId(chroma.url, name));
        assertSameRecords(await recordsByPsql(postgres.url, name, 'guide'), told);
        // Under cosine, the server keeps vectors of length 1 and answers with others of their former length.
        if (name === names.l2)
          assert.ok([...told.values()].every(({ embedding }, at) => sameBytes(embedding, sent[at]!)));
      }
      assert.match(
        warnings.join('\n'),
        new RegExp(`1 record of collection "${names.cosine}" with a zero vector: .*not in a cosine index`),
      );
    });

  it('with documents of megabytes arrive whole', async () => {
    const id = await createCollection(chroma.url, 'megabytes');
    const documents = ['\u{1f600}"\\\n', 'ä', '\u0001'].map((piece) => piece.repeat(1_000_000));
    await addRecords(chroma.url, id, { ids: ['a', 'b', 'c'], embeddings: [[1], [2], [3]], documents });
    await migrate('megabytes', { collections: ['megabytes'] });
    const told = await recordsOfChroma(chroma.url, id);
    assert.deepEqual(
      [...told.values()].map(({ document }) => document),
      documents,
    );
    assertSameRecords(await recordsByPsql(postgres.url, 'megabytes', 'guide'), told);
  });
});

const sameBytes = (a: Float32Array, b: Float32Array) => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));
