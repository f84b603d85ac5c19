import pg from 'pg';
import { graphBytes } from '../src/index-build/hnsw-size.ts';
import type { BuildCase } from './build-cases.ts';
import { copyVectors } from './build-vectors.ts';
import { processorSeconds } from './processor-time.ts';

export interface MeasuredBuild extends BuildCase {
  seconds: number;
  /** Of the one backend's processor; null if it is on another machine. */
  processorSeconds: number | null;
  maintenanceKilobytes: number;
  indexBytes: number;
  walBytes: number;
  /** Of temporary files. */
  temporaryBytes: number;
  /** After how many rows the graph no longer fitted; null: it always did. */
  spilledAfter: number | null;
  server: string;
}

/** Fills a table and builds one index on it, with the memory that the case says. */
export async function measureBuild(url: string, one: BuildCase): Promise<MeasuredBuild> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let spilledAfter: number | null = null;
    client.on('notice', ({ message }) => {
      const tuples = /no longer fits into maintenance_work_mem after (\d+) tuples/.exec(message ?? '')?.[1];
      if (tuples !== undefined) spilledAfter = Number(tuples);
    });
    await client.query('create extension if not exists vector');
    await client.query('drop table if exists build_rows');
    await client.query(
      `create table build_rows (id integer, embedding vector(${one.dimension})) with (autovacuum_enabled = off)`,
    );
    await copyVectors(client, 'build_rows', one);
    // What it dirtied is written before the clock starts, not by the build.
    await client.query('vacuum (analyze, freeze) build_rows');
    await client.query('checkpoint');
    const graph = graphBytes({ ...one, records: one.rows, hnsw: one });
    const maintenanceKilobytes = Math.ceil((graph * one.memoryShare) / 1024);
    await client.query(`set maintenance_work_mem = ${maintenanceKilobytes}`);
    await client.query(`set max_parallel_maintenance_workers = ${one.workers}`);
    await client.query(`alter table build_rows set (parallel_workers = ${one.workers})`);
    const value = one.type === 'vector' ? 'embedding' : `(embedding::halfvec(${one.dimension}))`;
    const before = await stateOf(client);
    const started = performance.now();
    await client.query(
      `create index build_index on build_rows using hnsw (${value} ${one.type}_${one.space}_ops)
         with (m = ${one.m}, ef_construction = ${one.efConstruction})`,
    );
    const seconds = (performance.now() - started) / 1000;
    const after = await stateOf(client);
    const { rows } = await client.query<{ bytes: number }>(
      `select pg_relation_size('build_index')::float8 as bytes`,
    );
    await client.query('drop table build_rows');
    const round = (number: number) => Math.round(number * 100) / 100;
    return {
      ...one,
      seconds: round(seconds),
      processorSeconds: before.processor === null ? null : round(after.processor! - before.processor),
      maintenanceKilobytes,
      indexBytes: rows[0]!.bytes,
      walBytes: after.wal - before.wal,
      temporaryBytes: after.temporary - before.temporary,
      spilledAfter,
      server: after.server,
    };
  } finally {
    await client.end();
  }
}

interface ServerState {
  pid: number;
  wal: number;
  temporary: number;
  server: string;
}

async function stateOf(client: pg.Client): Promise<ServerState & { processor: number | null }> {
  const { rows } = await client.query<ServerState>(
    `select pg_backend_pid() as pid,
            pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as wal,
            (select temp_bytes::float8 from pg_stat_database where datname = current_database()) as temporary,
            'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1) || ', pgvector '
              || (select extversion from pg_extension where extname = 'vector') as server`,
  );
  const state = rows[0]!;
  return { ...state, processor: await processorSeconds(state.pid, 'postgres') };
}
