/**
 * What it would gain to store vectors inside the table's rows (PLAIN), and to build indexes side by side:
 * `node --import ./local/sql-loader.ts bench/storage.ts`, with `DATABASE_URL` for a native server. What was found stands
 * in PROFILE.md.
 */
import pg from 'pg';
import { copyVectors } from './build-vectors.ts';
import { inTurns, median, secondsOf } from './in-turns.ts';
import { ProcessorTimes } from './processor-time.ts';

const ROWS = 10_000;
const DIMENSION = 1536;
const SEARCHES = 300;
const BUILT = { small: { rows: 10_000, dimension: 384 }, large: { rows: 4_000, dimension: 1536 } };
const say = (line: string) => process.stdout.write(`${line}\n`);

const url = process.env.DATABASE_URL;
if (url === undefined) {
  process.stderr.write('Set DATABASE_URL to a native server whose role may create the extension vector.\n');
  process.exit(2);
}
const clients = [new pg.Client(url), new pg.Client(url)] as const;
for (const client of clients) await client.connect();
const [client] = clients;
try {
  await client.query('create extension if not exists vector');
  for (const one of clients)
    await one.query("set maintenance_work_mem = '2GB'; set min_parallel_table_scan_size = 0");
  for (const storage of ['external', 'plain']) await measureStorage(storage);
  for (const built of Object.values(BUILT)) await measureBuilds(built.rows, built.dimension);
} finally {
  await client.query('drop table if exists stored, first_rows, second_rows');
  for (const one of clients) await one.end();
}

/** Size of the table, time to fill and index it, and of searches by the index and without it. */
async function measureStorage(storage: string): Promise<void> {
  await client.query(`drop table if exists stored;
    create table stored (id integer, embedding vector(${DIMENSION}));
    alter table stored alter column embedding set storage ${storage}`);
  const filled = await secondsOf(() =>
    copyVectors(client, 'stored', { shape: 'embeddings', rows: ROWS, dimension: DIMENSION }),
  );
  await client.query('vacuum (analyze, freeze) stored');
  const built = await secondsOf(() =>
    client.query('create index on stored using hnsw (embedding vector_l2_ops) with (ef_construction = 100)'),
  );
  const { rows } = await client.query<{ table: number; index: number }>(
    `select pg_table_size('stored')::float8 / 1e6 as table, pg_indexes_size('stored')::float8 / 1e6 as index`,
  );
  await client.query('set hnsw.ef_search = 100');
  const ids = await search('id');
  const distances = await search('id, embedding <-> $1 as distance');
  await client.query('set enable_indexscan = off; set max_parallel_workers_per_gather = 0');
  const exact = await search('id', 20);
  await client.query('reset enable_indexscan; reset max_parallel_workers_per_gather');
  say(
    `${storage}: filled in ${filled.toFixed(1)} s, indexed in ${built.toFixed(1)} s, table ${rows[0]!.table.toFixed(0)} MB, index ${rows[0]!.index.toFixed(0)} MB; search of ids ${ids}, of ids and distances ${distances}, exact ${exact}`,
  );
}

/** @returns the median of all searches after as many to warm up, and the backend's processor time of each on average */
async function search(columns: string, searches = SEARCHES): Promise<string> {
  const { rows } = await client.query<{ embedding: string; pid: number }>(
    'select embedding::text as embedding, pg_backend_pid() as pid from stored order by id limit $1',
    [2 * searches],
  );
  const milliseconds: number[] = [];
  const work = new ProcessorTimes();
  const ask = async (from: number) => {
    for (const { embedding } of rows.slice(from, from + searches)) {
      const text = `select ${columns} from stored order by embedding <-> $1 limit 10`;
      // A plan that is kept knows nothing of the settings since.
      const name = `${columns} of ${searches}`;
      milliseconds.push(1000 * (await secondsOf(() => client.query({ name, text, values: [embedding] }))));
    }
  };
  await ask(0);
  milliseconds.length = 0;
  await work.of('searches', [rows[0]!.pid], () => ask(searches));
  const processor = (1000 * (work.median('searches') ?? Number.NaN)) / searches;
  return `${median(milliseconds).toFixed(2)} ms (${processor.toFixed(2)} ms of processor time)`;
}

/** Two indexes one after the other with a helper each, and both at the same time without and with helpers. */
async function measureBuilds(rows: number, dimension: number): Promise<void> {
  const tables = ['first_rows', 'second_rows'] as const;
  for (const table of tables) {
    await client.query(`drop table if exists ${table};
      create table ${table} (id integer, embedding vector(${dimension})) with (parallel_workers = 1)`);
    await copyVectors(client, table, { shape: 'embeddings', rows, dimension });
    await client.query(`vacuum (analyze, freeze) ${table}`);
  }
  const build = async (one: pg.Client, table: string, helpers: number) => {
    await one.query(`set max_parallel_maintenance_workers = ${helpers}`);
    await one.query(
      `create index ${table}_index on ${table} using hnsw (embedding vector_l2_ops) with (ef_construction = 100)`,
    );
  };
  const anew = async (work: () => Promise<unknown>) => {
    for (const table of tables) await client.query(`drop index if exists ${table}_index`);
    return secondsOf(work);
  };
  const together = (helpers: number) => () =>
    anew(() => Promise.all(tables.map((table, place) => build(clients[place]!, table, helpers))));
  const seconds = await inTurns(
    {
      'one after the other, a helper each': () =>
        anew(async () => {
          for (const table of tables) await build(client, table, 1);
        }),
      'side by side, no helpers': together(0),
      'side by side, a helper each': together(1),
    },
    2,
    0,
  );
  const words = Object.entries(seconds).map(([name, one]) => `${name}: ${one.toFixed(1)} s`);
  say(`two indexes of ${rows} × ${dimension}: ${words.join('; ')}`);
}
