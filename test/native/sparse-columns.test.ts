/**
 * Sparse vectors of the metadata as columns. The servers at hand take none (1.0.0 answers 422, 1.5.9: 501), so a
 * server of a few lines sends what Chroma Cloud does, and what it would not.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { LAYOUTS, type LayoutName } from '../../src/contract.ts';
import { silentLog } from '../../src/log.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import { layoutOf } from '../../src/postgres/layouts/layouts.ts';
import { sparseColumnFindings } from '../../src/postgres/sparse-columns.ts';
import { rollback } from '../../src/publish/rollback.ts';
import { startServer, type TestServer } from '../command-line/servers.ts';
import { runJsonCommand } from '../fixtures/command-line.ts';
import { documentedSql } from '../fixtures/documented-sql.ts';
import { migrateInProcess, reportInProcess } from '../fixtures/migrate-in-process.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { psql } from '../fixtures/psql.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const COLLECTION = '6d1b6a8e-3f59-4d5f-9c5b-0a6a5d0e5a11';
const sparse = (indices: unknown, values: unknown) =>
  JSON.stringify({ '#type': 'sparse_vector', indices, values });
const many = (length: number) => Array.from({ length }, (_, at) => at);

/** What stands under the key, as JSON text; and its column, null where that can hold no such thing. */
const HELD: Record<string, [string, string | null]> = {
  plain: [
    '{"#type":"sparse_vector","indices":[0,7,29999],"values":[0.5,-1.0,1e-7],"tokens":["a","b","ä"]}',
    '{1:0.5,8:-1,30000:1e-07}/30522',
  ],
  unsorted: [sparse([5, 1, 0], [1, 2, 3]), '{1:3,2:2,6:1}/30522'],
  untagged: ['{"indices":[2],"values":[0.25]}', '{3:0.25}/30522'],
  empty: [sparse([], []), '{}/30522'],
  zeros: [sparse([1, 2], [0, -0]), '{}/30522'],
  last: [sparse([30_521], [1]), '{30522:1}/30522'],
  extremes: [
    '{"indices":[1,2,3],"values":[3.4028235e38,1e-45,-1.17549435e-38]}',
    '{2:3.4028235e+38,3:1e-45,4:-1.1754944e-38}/30522',
  ],
  vanishing: ['{"indices":[1,2],"values":[1e-46,1]}', '{3:1}/30522'],
  beyond: [sparse([30_522], [1]), null],
  negative: [sparse([-1], [1]), null],
  between: [sparse([1.5], [1]), null],
  twice: [sparse([1, 1], [1, 2]), null],
  shorter: [sparse([1, 2], [1]), null],
  longer: [sparse([1], [1, 2]), null],
  texts: [sparse(['1'], [1]), null],
  nothing: [sparse([1], [null]), null],
  infinite: ['{"indices":[1],"values":[3.4028236e38]}', null],
  other: ['{"#type":"other","indices":[1],"values":[1]}', null],
  list: ['[1,2]', null],
  text: ['"x"', null],
  number: ['1', null],
  full: [sparse(many(16_000), many(16_000).fill(1)), `{${many(16_000).map((at) => `${at + 1}:1`)}}/30522`],
  overfull: [sparse(many(16_001), many(16_001).fill(1)), null],
};

/** Chroma's records: metadata as JSON text by id. */
let records: Record<string, string>;

function answer(path: string, body: { offset?: number; limit?: number; ids?: string[] }): string {
  const known = Object.keys(records);
  if (path.endsWith('/version')) return '"1.0.0"';
  if (path.endsWith('/identity')) return '{"tenant":"default_tenant"}';
  if (path.endsWith('/databases')) return '[{"name":"default_database"}]';
  if (path.endsWith('/collections')) return `[{"id":"${COLLECTION}","name":"docs","dimension":1}]`;
  if (path.endsWith('/count')) return String(known.length);
  if (path.endsWith('/query')) return '{"ids":[[]],"distances":[[]]}';
  const { offset = 0, limit = known.length } = body;
  const ids = body.ids ?? known.slice(offset, offset + limit);
  const column = (value: (id: string) => string) => `[${ids.map(value)}]`;
  return `{"ids":${JSON.stringify(ids)},"embeddings":${column(() => '[1]')},"documents":${column(() => 'null')},
    "metadatas":${column((id) => records[id]!)},"uris":${column(() => 'null')}}`;
}

describe('columns of sparse vectors', { skip: !process.env.DATABASE_URL && 'needs a native server' }, () => {
  let chroma: TestServer;
  let postgres: TestPostgres;
  let client: pg.Client;
  let store: string;
  before(async () => {
    chroma = await startServer(async (request, response) => {
      let body = '';
      for await (const piece of request) body += piece;
      response.end(answer((request.url ?? '').split('?')[0]!, body === '' ? {} : JSON.parse(body)));
    });
    postgres = await startTestPostgres();
    store = await temporaryFolder('sparse-');
    client = new pg.Client(postgres.url);
    await client.connect();
    records = {
      ...Object.fromEntries(Object.entries(HELD).map(([id, [held]]) => [id, `{"bm25":${held},"n":1.0}`])),
      bare: '{"n":1}',
      unsaid: 'null',
      both: `{"bm25":${sparse([1], [2])},"it's \\"odd\\\\":${sparse([999_999_999], [0.1])}}`,
    };
  });
  after(async () => {
    await client?.end();
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  const places = () => ({ chroma: chroma.url, target: postgres.url, store });
  const sparseColumns = [
    { key: 'bm25', dimension: 30_522 },
    { key: `it's "odd\\`, column: 'Odd "one"' },
  ] as const;
  const column = async (name: string) =>
    new Map(
      (await psql(postgres.url, `select source_id, ${name} from docs.documents`)) as [string, string][],
    );

  it('hold what the metadata say to the last bit, or null where no sparsevec can, and the report names those', async () => {
    const report = await reportInProcess(places(), 'first', { sparseColumns: [...sparseColumns] });
    assert.equal(report.status, 'succeeded', JSON.stringify(report.error));
    const bm25 = await column('bm25');
    for (const [id, [, expected]] of Object.entries(HELD)) assert.equal(bm25.get(id), expected, id);
    assert.deepEqual(
      ['bare', 'unsaid', 'both'].map((id) => bm25.get(id)),
      [null, null, '{2:2}/30522'],
    );
    assert.equal((await column('"Odd ""one"""')).get('both'), '{1000000000:0.1}/1000000000');

    const left = Object.keys(HELD).filter((id) => HELD[id]![1] === null);
    const [first, second] = report.collections[0]!.verification!.sparseColumns;
    assert.deepEqual(
      [first!.filled, first!.leftOut, first!.differing],
      [Object.keys(HELD).length - left.length + 1, { count: left.length, ids: left.sort() }, []],
    );
    assert.deepEqual(
      [second!.key, second!.column, second!.filled, second!.leftOut.count],
      [`it's "odd\\`, 'Odd "one"', 1, 0],
    );
    assert.match(
      report.warnings.join('\n'),
      /14 records of collection "docs" \("between", "beyond", .* and others\)/,
    );
  });

  it('leave the metadata as they were sent', async () => {
    for (const [id, [held]] of Object.entries(HELD)) {
      const { rows } = await client.query(
        `select metadata = jsonb_build_object('bm25', $2::jsonb, 'n', 1.0) as same from docs.documents where source_id = $1`,
        [id, held],
      );
      assert.deepEqual(rows, [{ same: true }], id);
    }
  });

  it('are searched by the SQL of the documentation, with its index and without', async () => {
    const search = await documentedSql('-- the nearest by a sparse vector', 'docs');
    const found = async () =>
      (await client.query(search)).rows.map(({ source_id, score }) => [source_id, score]);
    const expected = [
      ['unsorted', 1.5],
      ['plain', 1.25],
    ];
    const unindexed = (await found()).filter(([id]) => expected.some(([one]) => one === id));
    assert.deepEqual(unindexed, expected);
    await client.query(`update docs.documents set metadata = '{}' where source_id = 'full'`);
    await client.query(await documentedSql('-- an index for it', 'docs'));
    await client.query('begin; set local enable_seqscan = off; set local enable_sort = off');
    const [{ 'QUERY PLAN': plan }] = (await client.query(`explain (format json) ${search}`)).rows;
    assert.match(JSON.stringify(plan), /documents_bm25_idx/);
    assert.deepEqual((await found()).slice(0, 2), expected);
    await client.query('rollback');
    await client.query('drop index docs.documents_bm25_idx');
  });

  it('follow a delta pass, which refuses tables that have none', async () => {
    records.plain = `{"bm25":${sparse([3], [4])}}`;
    records.later = `{"bm25":${sparse([1], [0.1])}}`;
    const { code, stderr } = await runJsonCommand([
      ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store, '--update-existing'],
      ...['--sparse-column', 'bm25/30522', '--sparse-column', `it's "odd\\=Odd "one"`],
    ]);
    assert.equal(code, 0, stderr);
    const bm25 = await column('bm25');
    assert.deepEqual([bm25.get('plain'), bm25.get('later')], ['{4:4}/30522', '{2:0.1}/30522']);
    const report = await reportInProcess(places(), 'refused', {
      ...{ updateExisting: true, takeOver: true },
      sparseColumns: [{ key: 'bm25', column: 'another' }],
    });
    assert.match(report.error?.message ?? '', /they have no column "another" of sparse vectors/);
  });

  it('move with their tables: to the previous version, back, and away with it', async () => {
    const database = openDatabase({ url: postgres.url });
    const named = async (schema: string) =>
      (
        await psql(
          postgres.url,
          `select attname from pg_attribute where attrelid = to_regclass('${schema}.documents') and attgenerated = 's'`,
        )
      ).flat();
    await migrateInProcess(places(), 'second', { takeOver: true });
    assert.deepEqual([await named('docs'), await named('docs__previous')], [[], ['bm25', 'Odd "one"']]);
    await rollback(database, 'docs', silentLog);
    assert.deepEqual([await named('docs'), await named('docs__previous')], [['bm25', 'Odd "one"'], []]);
    await rollback(database, 'docs', silentLog);
    await migrateInProcess(places(), 'third', { sparseColumns: [{ key: 'bm25' }] });
    assert.deepEqual([await named('docs'), await named('docs__previous')], [['bm25'], []]);
    assert.equal((await column('bm25')).get('last'), '{30522:1}/1000000000');
  });

  it('are found out where they hold something else than the metadata', async () => {
    const bent = async () =>
      (await sparseColumnFindings(client, layoutOf({ layout: 'guide', collection: 'docs' }), 'docs')).flatMap(
        ({ differing }) => differing,
      );
    assert.deepEqual(await bent(), []);
    await client.query(
      `begin; create or replace function docs.chroma_sparse_vector(value jsonb, dimension integer) returns sparsevec
         language sql immutable strict as $$ select '{1:0.50000006}/1000000000'::sparsevec $$;
       update docs.documents set metadata = metadata where source_id in ('plain', 'unsorted')`,
    );
    assert.deepEqual(await bent(), ['plain', 'unsorted']);
    await client.query('rollback');
  });

  for (const layout of LAYOUTS.filter((name): name is LayoutName => name !== 'shared' && name !== 'guide'))
    it(`stand in the tables of the layout ${layout}`, async () => {
      const report = await reportInProcess(places(), layout, {
        ...{ layout, takeOver: true, collections: ['docs'], schema: layout },
        sparseColumns: [{ key: 'bm25', column: 'words' }],
      });
      const [found] = report.collections[0]?.verification?.sparseColumns ?? [];
      assert.deepEqual(
        [report.status, found?.filled, found?.differing],
        // Without a dimension the one that was beyond is within.
        ['succeeded', 12, []],
        JSON.stringify(report.error),
      );
    });
});
